// Keeps count of the event streams that are open: a key may have only so many, and a process that shuts down ends them,
// so that it need not wait for readers who would stay for ever.
import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { ApiError } from '../errors.js';

const streamsPerKey = 200;

@Injectable()
export class OpenStreams implements BeforeApplicationShutdown {
  private readonly open = new Map<AbortController, string>();
  private stopping = false;

  /**
   * A signal that fires when the reader goes or the process shuts down. Call `done` when the stream has ended.
   * @throws ApiError rate_limited when this key has too many open, unavailable when the process is shutting down.
   */
  add(keyId: string, reply: FastifyReply): { signal: AbortSignal; done: () => void } {
    const { signal, done, abort } = this.begin(keyId);
    reply.raw.once('close', abort);
    return { signal, done };
  }

  /** As `add`, for a stream whose end its owner notices. */
  begin(keyId: string): { signal: AbortSignal; done: () => void; abort: () => void } {
    if (this.stopping) throw new ApiError('unavailable', { what: 'this replica, which is restarting,' });
    const ofKey = [...this.open.values()].filter((one) => one === keyId).length;
    if (ofKey >= streamsPerKey)
      throw new ApiError('rate_limited', { what: `open streams (a key may have ${streamsPerKey})`, seconds: 5 }, { retryAfterSeconds: 5 });
    const controller = new AbortController();
    this.open.set(controller, keyId);
    return { signal: controller.signal, done: () => this.open.delete(controller), abort: () => controller.abort() };
  }

  get count(): number {
    return this.open.size;
  }

  beforeApplicationShutdown(): void {
    this.stopping = true;
    for (const controller of this.open.keys()) controller.abort();
  }
}
