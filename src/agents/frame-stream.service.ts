// One stream's socket as frames that a reader pulls: log lines, statistics. The agent is read no faster than the reader
// reads: beyond a few frames the socket is paused, and TCP holds the agent back.

import type { RawData, WebSocket } from 'ws';
import type { z } from 'zod';

const framesBuffered = 4;
const normalClosure = 1000;

export class FrameStream<T> implements AsyncIterable<T> {
  private readonly frames: T[] = [];
  private end: { readonly error: Error | null } | null = null;
  private wake: () => void = () => {};

  /**
   * @param schema what each frame must be: the host is not trusted to send it.
   * @param signal aborting it closes the stream, also if nobody reads it.
   */
  constructor(
    private readonly socket: WebSocket,
    private readonly schema: z.ZodType<T>,
    signal: AbortSignal,
  ) {
    socket.on('message', (data) => this.receive(data));
    socket.on('close', (code) => this.finish(code === normalClosure ? null : new Error('the host broke off the stream')));
    socket.on('error', (error) => this.finish(error));
    const abort = () => this.finish(null);
    signal.addEventListener('abort', abort, { once: true });
    socket.once('close', () => signal.removeEventListener('abort', abort));
    if (signal.aborted) abort();
  }

  /** For one reader. @throws Error when the stream ended before its last frame. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    try {
      for (;;) {
        const frame = this.frames.shift();
        if (frame !== undefined) {
          if (this.frames.length < framesBuffered) this.socket.resume();
          yield frame;
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
    const frame = this.parse(data);
    if (frame === undefined) {
      this.finish(new Error('the host sent something else than it was asked for'));
      return;
    }
    this.frames.push(frame);
    if (this.frames.length >= framesBuffered) this.socket.pause();
    this.wake();
  }

  private parse(data: RawData): T | undefined {
    try {
      return this.schema.parse(JSON.parse(data.toString()));
    } catch {
      return undefined;
    }
  }

  private finish(error: Error | null): void {
    this.end ??= { error };
    // A paused socket would not notice the other side's answer to the close.
    this.socket.resume();
    this.socket.close(normalClosure);
    this.wake();
  }
}
