// Server-sent events (WHATWG HTML, section 9.2) on a raw response: heartbeats, a reader that is too slow or gone, and
// the server's own shutdown.
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';

export interface ServerEvent {
  /** Absent: the default type, `message`. */
  readonly event?: string;
  readonly id?: string;
  readonly data: unknown;
}

/** Proxies cut a connection that is silent for a minute. */
const heartbeatMs = 15_000;
/** A reader that takes nothing for so long is gone; it would hold the stream and its buffers for ever. */
const stuckAfterMs = 60_000;

/**
 * Sends batches of events until `source` ends, the reader goes or `signal` fires. Pulls no more from the source than
 * the reader takes.
 */
export async function sendEvents(reply: FastifyReply, source: AsyncIterable<readonly ServerEvent[]>, signal: AbortSignal): Promise<void> {
  const response = reply.raw;
  reply.hijack();
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    // nginx would hold events back.
    'x-accel-buffering': 'no',
    'x-request-id': String(reply.request.id),
    // A kept connection would hold up a process that is shutting down.
    connection: 'close',
  });
  response.flushHeaders();
  const heartbeat = setInterval(() => response.writableNeedDrain || response.write(':\n\n'), heartbeatMs);
  try {
    for await (const events of source) {
      if (signal.aborted) break;
      if (!response.write(events.map(format).join(''))) await drained(response, signal);
    }
  } finally {
    clearInterval(heartbeat);
    response.end();
  }
}

function format({ event, id, data }: ServerEvent): string {
  return `${event ? `event: ${event}\n` : ''}${id ? `id: ${id}\n` : ''}data: ${JSON.stringify(data)}\n\n`;
}

async function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  try {
    await once(response, 'drain', { signal: AbortSignal.any([signal, AbortSignal.timeout(stuckAfterMs)]) });
  } catch {
    response.destroy();
  }
}
