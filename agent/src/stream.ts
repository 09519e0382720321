// Serves one stream that the gateway asked for, on a socket of its own: a task's log lines. A reader who stops reading
// stops the pump, and never the task.
import { agentPaths, type LogStreamFrame, type OpenStream } from '@berth/contract';
import type { Logger } from 'pino';
import { WebSocket } from 'ws';
import type { Identity } from './identity.js';
import type { Runtime } from './runtime/runtime.js';

interface Options {
  readonly gatewayUrl: string;
  readonly identity: Identity;
  readonly runtime: Pick<Runtime, 'logs'>;
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
  { gatewayUrl, identity, runtime, log, signal }: Options,
  { streamId, request }: OpenStream,
): Promise<void> {
  const { key, certificate, authority } = identity;
  const url = `${gatewayUrl}${agentPaths.streams}${encodeURIComponent(streamId)}`;
  const socket = new WebSocket(url, { key, cert: certificate, ca: authority, handshakeTimeout: handshakeMs, perMessageDeflate: false });
  const ended = new AbortController();
  socket.on('close', () => ended.abort());
  const giveUp = () => socket.terminate();
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    await opened(socket);
    const { taskId, container, since, follow } = request;
    const tail = request.fromStart ? null : request.tail;
    await pump(socket, runtime.logs(taskId, { container, tail, since, follow, signal: ended.signal }), ended.signal);
    socket.close(1000);
  } catch (error) {
    if (socket.readyState !== WebSocket.OPEN) throw error;
    log.warn({ taskId: request.taskId, err: error }, 'a log stream broke off');
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

async function pump(socket: WebSocket, batches: ReturnType<Runtime['logs']>, ended: AbortSignal): Promise<void> {
  for await (const lines of batches) {
    for (let from = 0; from < lines.length; from += linesPerFrame) {
      if (ended.aborted) return;
      const frame: LogStreamFrame = { lines: lines.slice(from, from + linesPerFrame) };
      await sendFrame(socket, JSON.stringify(frame), ended);
    }
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
