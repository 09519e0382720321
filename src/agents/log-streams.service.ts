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
  readonly frame: OpenStream;
  resolve(socket: WebSocket): void;
  reject(error: unknown): void;
}

/** What a user wanted of a stream, for the sentence that says that it can't be had. */
const nouns = { logs: 'the logs', stats: 'the statistics', signal: 'the processes', inside: 'the inside' } as const satisfies Record<
  StreamRequest['kind'],
  string
>;

const dialInMs = 10_000;
/** For a host that another replica has to ask, if any has it. */
const dialInFromElsewhereMs = 5_000;
/** A host is asked for no more than this at once; whoever wants more finds it busy. */
const expectedPerHost = 64;

interface Opening<T> {
  /** Gets the socket as soon as it is there, before anything can come on it. */
  take(socket: WebSocket): T;
  /** Passes the request on to the host. */
  send(frame: OpenStream): void;
  /** Where the host is to dial if it is not connected here; null if it is. */
  readonly elsewhere: string | null;
}

export class LogStreams {
  private readonly expected = new Map<string, Expected>();

  /**
   * @param take gets the socket as soon as it is there, before anything can come on it.
   * @param send passes the request on to the host.
   * @throws ApiError host_unreachable when the host does not open the stream in time.
   */
  open<T>(hostId: HostId, request: StreamRequest, signal: AbortSignal, { take, send, elsewhere }: Opening<T>): Promise<T> {
    const waiting = [...this.expected.values()].filter((one) => one.hostId === hostId).length;
    if (waiting >= expectedPerHost)
      throw new ApiError('unavailable', { what: `${nouns[request.kind]} of this host, which is busy with other requests` });
    signal.throwIfAborted();
    const streamId = randomBytes(16).toString('hex');
    const frame: OpenStream = { type: 'open-stream', streamId, ...(elsewhere !== null && { gatewayUrl: elsewhere }), request };
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
      const timer = setTimeout(() => fail(new ApiError('host_unreachable')), elsewhere === null ? dialInMs : dialInFromElsewhereMs);
      signal.addEventListener('abort', onAbort, { once: true });
      this.expected.set(streamId, {
        hostId,
        kind: request.kind,
        frame,
        reject: fail,
        resolve: (socket) => {
          settle();
          resolve(take(socket));
        },
      });
      send(frame);
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

  /** What this host was asked for and has not opened. */
  waitingFor(hostId: HostId): OpenStream[] {
    return [...this.expected.values()].filter((one) => one.hostId === hostId).map(({ frame }) => frame);
  }

  /** The host says that it can't. @returns false if it was not asked from here. */
  failed(streamId: string, hostId: HostId, reason: string): boolean {
    const expected = this.expected.get(streamId);
    if (expected?.hostId !== hostId) return false;
    expected.reject(new ApiError('unavailable', { what: `${nouns[expected.kind]} of this task (${reason.slice(0, 200)})` }));
    return true;
  }

  /** The host is gone. */
  forget(hostId: HostId): void {
    for (const expected of [...this.expected.values()]) if (expected.hostId === hostId) expected.reject(new ApiError('host_unreachable'));
  }
}
