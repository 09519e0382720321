// The control plane's end of a stream of channels to an agent (contract/channels.ts): what is wanted, whether it began,
// data with back-pressure, and how it ended. What an agent says is checked: it is not trusted.
import {
  type AgentStatus,
  agentStatusSchema,
  type ChannelMessage,
  channels,
  jsonMessage,
  parseChannelMessage,
  parseJson,
  type StreamStart,
} from '@berth/contract';
import { type RawData, WebSocket } from 'ws';
import { ApiError } from '../errors.js';

export type StreamEnd = { readonly exitCode: number } | { readonly error: ApiError };

/** Whoever has more than this under way waits. */
export const bufferedBytesAtMost = 1024 * 1024;
const pingEveryMs = 15_000;
const closeGraceMs = 2_000;
/** A program that hangs while it starts is the agent's to give up; this is for an agent that hangs. */
const beginsWithinMs = 40_000;

export class AgentSession {
  /** Never rejects. */
  readonly ended: Promise<StreamEnd>;
  private readonly begun: Promise<StreamEnd | null>;
  private begin: (end: StreamEnd | null) => void = () => {};
  private end: (end: StreamEnd) => void = () => {};
  private listener: ((message: ChannelMessage, raw: Buffer) => void) | null = null;

  /** @param signal aborting it ends the session. */
  constructor(
    private readonly socket: WebSocket,
    signal: AbortSignal,
  ) {
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
    this.begun = new Promise((resolve) => {
      this.begin = resolve;
    });
    void this.ended.then((end) => this.begin(end));
    socket.on('message', (data, isBinary) => this.receive(data, isBinary));
    socket.on('error', () => {});
    const pinging = setInterval(() => socket.ping(), pingEveryMs);
    const abort = () => this.close();
    signal.addEventListener('abort', abort, { once: true });
    socket.once('close', () => {
      clearInterval(pinging);
      signal.removeEventListener('abort', abort);
      this.end({ error: new ApiError('host_unreachable') });
    });
    if (signal.aborted) abort();
  }

  /**
   * Says what is wanted. Resolves when it has begun.
   * @param listener gets every message of data, in order, from before this resolves.
   * @throws ApiError as the agent answers, host_unreachable when it does not.
   */
  async start(start: StreamStart, listener: (message: ChannelMessage, raw: Buffer) => void): Promise<void> {
    this.listener = listener;
    const timer = setTimeout(() => this.close(), beginsWithinMs);
    await this.send(jsonMessage(channels.start, start));
    const end = await this.begun;
    clearTimeout(timer);
    if (end && 'error' in end) throw end.error;
  }

  /** Resolves at once while little is under way, else when it went out or the socket is gone. */
  send(message: Uint8Array): Promise<void> {
    return sendHeld(this.socket, message);
  }

  /** What has not gone out yet. */
  get bufferedBytes(): number {
    return this.socket.bufferedAmount;
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** Ends it, with whatever runs for it on the host. */
  close(): void {
    // A paused socket would not notice the answer.
    this.socket.resume();
    this.socket.close(1000);
    // Nor would the agent, if what it runs does not read its input.
    setTimeout(() => this.socket.terminate(), closeGraceMs).unref();
  }

  private receive(data: RawData, isBinary: boolean): void {
    const raw = isBinary && Buffer.isBuffer(data) ? data : null;
    const message = raw && parseChannelMessage(raw);
    if (!raw || !message) this.socket.terminate();
    else if (message.channel === channels.status) this.receiveStatus(parseJson(agentStatusSchema, message.data));
    else this.listener?.(message, raw);
  }

  private receiveStatus(status: AgentStatus | null): void {
    if (!status) this.socket.terminate();
    else if ('started' in status) this.begin(null);
    else if ('exitCode' in status) this.end(status);
    else this.end({ error: new ApiError(status.error, status.values) });
  }
}

/** Resolves at once while little is under way on the socket, else when the message went out or the socket is gone. */
export function sendHeld(socket: WebSocket, message: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    if (socket.readyState !== WebSocket.OPEN) return resolve();
    socket.send(message, () => resolve());
    if (socket.bufferedAmount < bufferedBytesAtMost) resolve();
  });
}
