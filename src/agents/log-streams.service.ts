// Streams that were asked for and not opened yet: each waits a short while for its host, and no other, to dial in.
import { randomBytes } from 'node:crypto';
import type { HostId, OpenStream } from '@berth/contract';
import type { WebSocket } from 'ws';
import { ApiError } from '../errors.js';

export type StreamRequest = OpenStream['request'];
export type LogStreamRequest = Omit<Extract<StreamRequest, { kind: 'logs' }>, 'kind'>;

interface Expected {
  readonly hostId: HostId;
  readonly kind: StreamRequest['kind'];
  resolve(socket: WebSocket): void;
  reject(error: unknown): void;
}

/** What a user wanted of a stream, for the sentence that says that it can't be had. */
const nouns = { logs: 'the logs', stats: 'the statistics', signal: 'the processes' } as const satisfies Record<
  StreamRequest['kind'],
  string
>;

const dialInMs = 10_000;
/** A host is asked for no more than this at once; whoever wants more finds it busy. */
const expectedPerHost = 64;

export class LogStreams {
  private readonly expected = new Map<string, Expected>();

  /**
   * @param take gets the socket as soon as it is there, before anything can come on it.
   * @param send passes the request on to the host.
   * @throws ApiError host_unreachable when the host does not open the stream in time.
   */
  open<T>(
    hostId: HostId,
    request: StreamRequest,
    signal: AbortSignal,
    { take, send }: { take: (socket: WebSocket) => T; send: (frame: OpenStream) => void },
  ): Promise<T> {
    const waiting = [...this.expected.values()].filter((one) => one.hostId === hostId).length;
    if (waiting >= expectedPerHost)
      throw new ApiError('unavailable', { what: `${nouns[request.kind]} of this host, which is busy with other requests` });
    signal.throwIfAborted();
    const streamId = randomBytes(16).toString('hex');
    return new Promise((resolve, reject) => {
      const settle = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
        this.expected.delete(streamId);
      };
      const fail = (error: unknown) => {
        settle();
        reject(error);
      };
      const onAbort = () => fail(signal.reason);
      const timer = setTimeout(() => fail(new ApiError('host_unreachable')), dialInMs);
      signal.addEventListener('abort', onAbort, { once: true });
      this.expected.set(streamId, {
        hostId,
        kind: request.kind,
        reject: fail,
        resolve: (socket) => {
          settle();
          resolve(take(socket));
        },
      });
      send({ type: 'open-stream', streamId, request });
    });
  }

  isExpected(streamId: string, hostId: HostId): boolean {
    return this.expected.get(streamId)?.hostId === hostId;
  }

  /** The host has dialled in. */
  accept(streamId: string, hostId: HostId, socket: WebSocket): void {
    const expected = this.expected.get(streamId);
    if (expected?.hostId === hostId) expected.resolve(socket);
    else socket.terminate();
  }

  /** The host says that it can't. */
  failed(streamId: string, hostId: HostId, reason: string): void {
    const expected = this.expected.get(streamId);
    if (expected?.hostId === hostId)
      expected.reject(new ApiError('unavailable', { what: `${nouns[expected.kind]} of this task (${reason.slice(0, 200)})` }));
  }

  /** The host is gone. */
  forget(hostId: HostId): void {
    for (const expected of [...this.expected.values()]) if (expected.hostId === hostId) expected.reject(new ApiError('host_unreachable'));
  }
}
