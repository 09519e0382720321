// The link's WebSocket as checked frames. Owns what protects us from a slow or hostile agent: sizes, the time-out for
// silence, the limit of what may pile up unsent. What the frames mean is agent-link.service.ts.
import { type AgentFrame, agentFrameSchema, type GatewayFrame } from '@berth/contract';
import type { RawData, WebSocket } from 'ws';
import { madeStorable } from '../storable-text.js';

export interface FrameListeners {
  onFrame(frame: AgentFrame): void;
  /** Once, whoever ended it. */
  onClose(reason: string): void;
}

/** What an agent may leave unread before it counts as stuck. More than the largest full state in practice. */
const unsentBytesMax = 32 * 1024 * 1024;
const policyViolation = 1008;
const goingAway = 1001;

export class FrameSocket {
  private closeReason: string | null = null;
  private heardAtMs = performance.now();
  private readonly watch: NodeJS.Timeout;

  /** @param silenceMs after which the agent counts as gone; it is pinged three times in that time. */
  constructor(
    private readonly socket: WebSocket,
    private readonly silenceMs: number,
    private readonly listeners: FrameListeners,
  ) {
    socket.on('message', (data, isBinary) => this.receive(data, isBinary));
    socket.on('pong', () => this.heard());
    socket.on('error', (error) => this.closedBecause(error.message));
    socket.on('close', (code) => {
      clearInterval(this.watch);
      listeners.onClose(this.closeReason ?? `closed by the agent (${code})`);
    });
    this.watch = setInterval(() => this.checkSilence(), silenceMs / 3);
  }

  get isOpen(): boolean {
    return this.socket.readyState === this.socket.OPEN && this.closeReason === null;
  }

  send(frame: GatewayFrame): void {
    if (!this.isOpen) return;
    this.socket.send(JSON.stringify(frame));
    if (this.socket.bufferedAmount > unsentBytesMax) this.terminate('the agent does not read');
  }

  /** Says why and closes; an agent that does not close as well is cut off. */
  goodbye(reason: string, reconnectAfterMs: number): void {
    if (!this.isOpen) return;
    this.send({ type: 'goodbye', reason, reconnectAfterMs });
    this.closedBecause(reason);
    this.socket.close(reconnectAfterMs > 0 ? goingAway : policyViolation);
    setTimeout(() => this.socket.terminate(), this.silenceMs).unref();
  }

  terminate(reason: string): void {
    this.closedBecause(reason);
    this.socket.terminate();
  }

  /** Stops reading, so that the agent has to wait. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.heard();
    this.socket.resume();
  }

  private closedBecause(reason: string): void {
    this.closeReason ??= reason;
  }

  private heard(): void {
    this.heardAtMs = performance.now();
  }

  private receive(data: RawData, isBinary: boolean): void {
    if (!this.isOpen) return;
    this.heard();
    const parsed = isBinary ? 'it is binary' : parseFrame(data.toString());
    if (typeof parsed === 'string') this.goodbye(`a frame was not understood: ${parsed}`, 0);
    else this.listeners.onFrame(parsed);
  }

  private checkSilence(): void {
    if (this.socket.isPaused) return;
    if (performance.now() - this.heardAtMs > this.silenceMs) this.terminate('nothing was heard from the agent');
    else if (this.isOpen) this.socket.ping();
  }
}

/** @returns what is wrong with it, if something is. */
function parseFrame(text: string): AgentFrame | string {
  let json: unknown;
  try {
    json = JSON.parse(text, mayHoldUnstorable(text) ? toStorable : undefined);
  } catch {
    return 'it is not JSON';
  }
  const parsed = agentFrameSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  return `${issue?.path.join('.').slice(0, 100)} ${issue?.message.slice(0, 200)}`;
}

/** Containers' output can end up in reasons. PostgreSQL stores neither NUL nor half a surrogate pair. */
function mayHoldUnstorable(text: string): boolean {
  return /\\u(0000|d[89a-f])/i.test(text);
}

function toStorable(_key: string, value: unknown): unknown {
  return typeof value === 'string' ? madeStorable(value) : value;
}
