// Serves one stream that the gateway asked for, on a socket of its own: a task's log lines, or answers about it. A reader
// who stops reading stops the pump, and never the task.
import { agentPaths, type LogStreamFrame, type OpenStream } from '@berth/contract';
import type { Logger } from 'pino';
import { WebSocket } from 'ws';
import { signalFrames, statsFrames } from './answers.js';
import { channelSocket } from './channel-socket.js';
import type { Identity } from './identity.js';
import { serveInside } from './inside-stream.js';
import type { Journal } from './journal.js';
import type { Runtime } from './runtime/runtime.js';

interface Options {
  readonly gatewayUrl: string;
  readonly identity: Identity;
  readonly runtime: Runtime;
  readonly journal: Pick<Journal, 'state'>;
  readonly log: Logger;
  /** Ends the stream with the link it was asked for on. */
  readonly signal: AbortSignal;
}

const handshakeMs = 10_000;
const linesPerFrame = 200;
const bufferedBytesAtMost = 1024 * 1024;
const reportableReason = 120;

/** @throws Error when the stream could not be opened; once open, its end tells how it went. */
export async function serveStream(
  { gatewayUrl, identity, runtime, journal, log, signal }: Options,
  { streamId, request, gatewayUrl: elsewhere }: OpenStream,
): Promise<void> {
  const { key, certificate, authority } = identity;
  const url = `${elsewhere ?? gatewayUrl}${agentPaths.streams}${encodeURIComponent(streamId)}`;
  const socket = new WebSocket(url, { key, cert: certificate, ca: authority, handshakeTimeout: handshakeMs, perMessageDeflate: false });
  if (request.kind === 'inside') {
    await opened(socket);
    await serveInside(channelSocket(socket), runtime.inside, request.taskId, log);
    return;
  }
  const ended = new AbortController();
  socket.on('close', () => ended.abort());
  const giveUp = () => socket.terminate();
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    await opened(socket);
    await pump(socket, framesOf(request, { runtime, journal }, ended.signal), ended.signal);
    socket.close(1000);
  } catch (error) {
    if (socket.readyState !== WebSocket.OPEN) throw error;
    log.warn({ taskId: request.taskId, err: error }, 'a stream broke off');
    socket.close(1011, (error as Error).message.slice(0, reportableReason));
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

function opened(socket: WebSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('open', resolve);
    // Stays for the socket's life: an error without a listener would end the process.
    socket.on('error', reject);
  });
}

function framesOf(
  request: Exclude<OpenStream['request'], { kind: 'inside' }>,
  { runtime, journal }: Pick<Options, 'runtime' | 'journal'>,
  ended: AbortSignal,
): AsyncIterable<object> {
  switch (request.kind) {
    case 'logs':
      return logFrames(runtime, request, ended);
    case 'stats':
      return statsFrames(runtime, request, ended);
    case 'signal': {
      const containers = journal.state.tasks.get(request.taskId)?.containers ?? [];
      return signalFrames(
        runtime,
        request,
        containers.filter(({ state }) => state === 'running').map(({ name }) => name),
      );
    }
    default:
      return request satisfies never;
  }
}

async function* logFrames(
  runtime: Pick<Runtime, 'logs'>,
  request: Extract<OpenStream['request'], { kind: 'logs' }>,
  ended: AbortSignal,
): AsyncGenerator<LogStreamFrame> {
  const { kind, taskId, fromStart, ...rest } = request;
  const tail = fromStart ? null : request.tail;
  for await (const { from, lines } of runtime.logs(taskId, { ...rest, tail, signal: ended })) {
    if (from) yield { from: { ...from }, lines: [] };
    for (let at = 0; at < lines.length; at += linesPerFrame) yield { lines: lines.slice(at, at + linesPerFrame) };
  }
}

async function pump(socket: WebSocket, frames: AsyncIterable<object>, ended: AbortSignal): Promise<void> {
  for await (const frame of frames) {
    if (ended.aborted) return;
    await sendFrame(socket, JSON.stringify(frame), ended);
  }
}

/** Returns at once while the buffer is small, else when the frame has gone out or the socket is gone. */
function sendFrame(socket: WebSocket, text: string, ended: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const flushed = () => {
      ended.removeEventListener('abort', flushed);
      resolve();
    };
    ended.addEventListener('abort', flushed, { once: true });
    socket.send(text, flushed);
    if (socket.bufferedAmount < bufferedBytesAtMost) flushed();
  });
}
