// One log stream's socket as lines that a reader pulls. The agent is read no faster than the reader reads: beyond a few
// frames the socket is paused, and TCP holds the agent back.
import { type LogLine, logStreamFrameSchema } from '@berth/contract';
import type { RawData, WebSocket } from 'ws';

const framesBuffered = 4;
const normalClosure = 1000;

export class LogStream implements AsyncIterable<LogLine[]> {
  private readonly frames: LogLine[][] = [];
  private end: { readonly error: Error | null } | null = null;
  private wake: () => void = () => {};

  /** @param signal aborting it closes the stream, also if nobody reads it. */
  constructor(
    private readonly socket: WebSocket,
    signal: AbortSignal,
  ) {
    socket.on('message', (data) => this.receive(data));
    socket.on('close', (code) => this.finish(code === normalClosure ? null : new Error('the host broke off the log stream')));
    socket.on('error', (error) => this.finish(error));
    const abort = () => this.finish(null);
    signal.addEventListener('abort', abort, { once: true });
    socket.once('close', () => signal.removeEventListener('abort', abort));
    if (signal.aborted) abort();
  }

  /** For one reader. @throws Error when the stream ended before its last line. */
  async *[Symbol.asyncIterator](): AsyncGenerator<LogLine[]> {
    try {
      for (;;) {
        const lines = this.frames.shift();
        if (lines) {
          if (this.frames.length < framesBuffered) this.socket.resume();
          yield lines;
        } else if (this.end) {
          if (this.end.error) throw this.end.error;
          return;
        } else {
          await new Promise<void>((resolve) => {
            this.wake = resolve;
          });
        }
      }
    } finally {
      this.finish(null);
    }
  }

  private receive(data: RawData): void {
    if (this.end) return;
    const lines = parse(data);
    if (!lines) {
      this.finish(new Error('the host sent something that is no log frame'));
      return;
    }
    this.frames.push(lines);
    if (this.frames.length >= framesBuffered) this.socket.pause();
    this.wake();
  }

  private finish(error: Error | null): void {
    this.end ??= { error };
    // A paused socket would not notice the other side's answer to the close.
    this.socket.resume();
    this.socket.close(normalClosure);
    this.wake();
  }
}

function parse(data: RawData): LogLine[] | null {
  try {
    return logStreamFrameSchema.parse(JSON.parse(data.toString())).lines;
  } catch {
    return null;
  }
}
