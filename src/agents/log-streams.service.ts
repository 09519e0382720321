// Log streams that were asked for and not opened yet: each waits a short while for its host, and no other, to dial in.
import { randomBytes } from 'node:crypto';
import type { HostId, LogLine, OpenStream } from '@berth/contract';
import type { WebSocket } from 'ws';
import { ApiError } from '../errors.js';
import { LogStream } from './log-stream.service.js';

export type LogStreamRequest = Omit<OpenStream['request'], 'kind'>;

interface Expected {
  readonly hostId: HostId;
  readonly signal: AbortSignal;
  resolve(lines: AsyncIterable<LogLine[]>): void;
  reject(error: unknown): void;
}

const dialInMs = 10_000;
/** A host is asked for no more than this at once; whoever wants more finds it busy. */
const expectedPerHost = 64;

export class LogStreams {
  private readonly expected = new Map<string, Expected>();

  /**
   * @param send passes the request on to the host.
   * @throws ApiError host_unreachable when the host does not open the stream in time.
   */
  open(
    hostId: HostId,
    request: LogStreamRequest,
    signal: AbortSignal,
    send: (frame: OpenStream) => void,
  ): Promise<AsyncIterable<LogLine[]>> {
    const waiting = [...this.expected.values()].filter((one) => one.hostId === hostId).length;
    if (waiting >= expectedPerHost) throw new ApiError('unavailable', { what: 'the logs of this host, which is busy opening others' });
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
        signal,
        reject: fail,
        resolve: (lines) => {
          settle();
          resolve(lines);
        },
      });
      send({ type: 'open-stream', streamId, request: { kind: 'logs', ...request } });
    });
  }

  isExpected(streamId: string, hostId: HostId): boolean {
    return this.expected.get(streamId)?.hostId === hostId;
  }

  /** The host has dialled in. */
  accept(streamId: string, hostId: HostId, socket: WebSocket): void {
    const expected = this.expected.get(streamId);
    if (expected?.hostId === hostId) expected.resolve(new LogStream(socket, expected.signal));
    else socket.terminate();
  }

  /** The host says that it can't. */
  failed(streamId: string, hostId: HostId, reason: string): void {
    const expected = this.expected.get(streamId);
    if (expected?.hostId === hostId)
      expected.reject(new ApiError('unavailable', { what: `the logs of this task (${reason.slice(0, 200)})` }));
  }

  /** The host is gone. */
  forget(hostId: HostId): void {
    for (const expected of [...this.expected.values()]) if (expected.hostId === hostId) expected.reject(new ApiError('host_unreachable'));
  }
}
