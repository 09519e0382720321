// One agent's connection, from hello to goodbye: greets it, tells it what to run, takes what it reports. The protocol is
// the contract's wire.ts. Between a task's commit and its push nothing is remembered here that the database lacks.
import { type AgentFrame, type DesiredTask, type Hello, type HostId, type Interruption, protocolVersion } from '@berth/contract';
import type { Logger } from 'pino';
import type { WebSocket } from 'ws';
import { DesiredOutbox } from './desired-outbox.js';
import { FrameSocket } from './frame-socket.service.js';
import type { Receipt, Submission } from './report-intake.service.js';

/** What a connection needs of the gateway around it. */
export interface LinkPorts {
  readonly logger: Logger;
  readonly heartbeatMs: number;
  readonly usageIntervalMs: number;
  readonly silenceMs: number;
  /** Writes what the host says of itself. @returns false if there is no such host. */
  activate(hello: Hello): Promise<boolean>;
  submit(submission: Submission): Promise<Receipt>;
  /** The highest leader's epoch that is known: what is told was committed, and agents refuse a lower one than they saw. */
  epoch(): number;
  heard(hostId: HostId): void;
  diskPressureChanged(hostId: HostId, pressure: string | null): Promise<void>;
  interrupted(hostId: HostId, interruption: Interruption): Promise<void>;
  streamFailed(hostId: HostId, streamId: string, reason: string): void;
  volumesRemoved(hostId: HostId, volumeIds: readonly string[]): void;
  /** The host has been greeted: from now on it is this connection's. The full state is to follow. */
  greeted(link: AgentLink): void;
  closed(link: AgentLink): void;
}

const helloWithinMs = 10_000;
const resend = { everyMs: 2_000, afterMs: 10_000, atMostTimes: 3 };
/** Longer than any look into the database can be on its way: its statement time-out and the wait for a connection. */
const endedKeptMs = 120_000;
/** The agent is not read while so many of its frames wait for the database. */
const framesWaitingMax = 32;
const retrySoonMs = 1_000;

export class AgentLink {
  private readonly socket: FrameSocket;
  private readonly outbox = new DesiredOutbox();
  private readonly helloTimer: NodeJS.Timeout;
  private readonly resendTimer: NodeJS.Timeout;
  private phase: 'silent' | 'greeting' | 'awaiting-full' | 'live' = 'silent';
  /** Told by the scheduler or found at the hello before the full state was read: sent with it. */
  private early: DesiredTask[] = [];
  private lastSeq = 0;
  private framesWaiting = 0;
  /** Its tasks have a network of their own, of which it wants to be told. */
  hasNetwork = false;
  private diskPressure: string | null = null;
  private interruptionNoted = false;

  constructor(
    socket: WebSocket,
    readonly hostId: HostId,
    private readonly ports: LinkPorts,
  ) {
    this.socket = new FrameSocket(socket, ports.silenceMs, {
      onFrame: (frame) => this.receive(frame),
      onClose: (reason) => this.onClose(reason),
    });
    this.helloTimer = setTimeout(() => this.goodbye('no hello was sent'), helloWithinMs);
    this.resendTimer = setInterval(() => this.resendOverdue(), resend.everyMs);
  }

  get awaitsFull(): boolean {
    return this.phase === 'awaiting-full';
  }

  lacks(task: Pick<DesiredTask, 'taskId' | 'desired'> & { readonly wishVersion?: number }): boolean {
    return !this.outbox.wasTold(task.taskId, task.desired, task.wishVersion);
  }

  /** The whole of what the host is to have, as read after `greeted`. */
  tellFull(tasks: readonly DesiredTask[]): void {
    this.phase = 'live';
    const early = this.early.splice(0);
    this.send([...early.filter(({ desired }) => desired === 'stopped'), ...tasks, ...early], true);
  }

  /** Some of it, new or not: what the agent has been told already is left out. */
  tell(tasks: readonly DesiredTask[]): void {
    if (this.phase === 'live') this.send(tasks, false);
    else this.early.push(...tasks);
  }

  request(frame: Parameters<FrameSocket['send']>[0]): void {
    this.socket.send(frame);
  }

  /** @param reconnectAfterMs 0: not before something has changed. */
  goodbye(reason: string, reconnectAfterMs = 0): void {
    this.ports.logger.info({ hostId: this.hostId, reason }, 'closing an agent’s connection');
    this.socket.goodbye(reason, reconnectAfterMs);
  }

  private send(tasks: readonly DesiredTask[], full: boolean): void {
    for (const frame of this.outbox.frames(this.ports.epoch(), tasks, { full, nowMs: performance.now() })) this.socket.send(frame);
  }

  private receive(frame: AgentFrame): void {
    const refusal = this.refusalOf(frame);
    if (refusal !== null) this.goodbye(refusal);
    else if (frame.type === 'hello') this.receiveHello(frame);
    else this.receiveLater(frame);
  }

  private refusalOf(frame: AgentFrame): string | null {
    if (frame.type !== 'hello') return this.phase === 'silent' ? 'the first frame was not hello' : null;
    if (this.phase !== 'silent') return 'hello was sent twice';
    if (frame.protocol !== protocolVersion)
      return `protocol ${frame.protocol} is not spoken here, only ${protocolVersion}: update the agent`;
    return frame.hostId === this.hostId ? null : 'the certificate is another host’s';
  }

  private receiveLater(frame: Exclude<AgentFrame, Hello>): void {
    this.ports.heard(this.hostId);
    switch (frame.type) {
      case 'events':
        this.receiveEvents(frame);
        break;
      case 'ack':
        this.outbox.acknowledge(frame.seq);
        break;
      case 'stream-failed':
        this.ports.streamFailed(this.hostId, frame.streamId, frame.reason);
        break;
      case 'heartbeat':
        this.noteDiskPressure(frame.diskPressure);
        this.noteInterruption(frame.interruption);
        break;
      case 'volumes-removed':
        this.ports.volumesRemoved(this.hostId, frame.volumeIds);
        break;
      default:
        frame satisfies never;
    }
  }

  /** Amounts in the words change all the time: what counts is whether there is any. A failed write is repeated. */
  private noteDiskPressure(pressure: string | null): void {
    if ((pressure === null) === (this.diskPressure === null)) return;
    const before = this.diskPressure;
    this.diskPressure = pressure;
    this.ports.diskPressureChanged(this.hostId, pressure).catch((err) => {
      this.diskPressure = before;
      this.ports.logger.warn({ err, hostId: this.hostId }, 'a host’s disk pressure could not be noted');
    });
  }

  /** Told with each heartbeat; a failed write is repeated. */
  private noteInterruption(interruption: Interruption | undefined): void {
    if (!interruption || this.interruptionNoted) return;
    this.interruptionNoted = true;
    this.ports.interrupted(this.hostId, interruption).catch((err) => {
      this.interruptionNoted = false;
      this.ports.logger.warn({ err, hostId: this.hostId }, 'it could not be noted that a machine is taken back');
    });
  }

  private receiveHello(hello: Hello): void {
    clearTimeout(this.helloTimer);
    this.phase = 'greeting';
    this.hasNetwork = hello.network !== undefined;
    this.diskPressure = hello.diskPressure;
    this.greet(hello).catch((err) => {
      this.ports.logger.warn({ err, hostId: this.hostId }, 'an agent could not be greeted');
      this.goodbye('the control plane is not ready', retrySoonMs);
    });
  }

  /** Welcome means: everything in the hello is durable. */
  private async greet(hello: Hello): Promise<void> {
    if (!(await this.ports.activate(hello))) return this.goodbye('this host is not known any more: enrol it again');
    const receipt = await this.ports.submit({ hostId: this.hostId, reports: hello.tasks, usage: [] });
    if (!this.socket.isOpen) return;
    this.phase = 'awaiting-full';
    this.accept(receipt);
    const { heartbeatMs, usageIntervalMs } = this.ports;
    this.socket.send({ type: 'welcome', heartbeatMs, usageIntervalMs });
    this.ports.greeted(this);
  }

  private receiveEvents({ seq, reports, usage }: Extract<AgentFrame, { type: 'events' }>): void {
    // Frames come in order on one connection, so a number seen before is a repetition.
    if (seq <= this.lastSeq) {
      if (this.framesWaiting === 0) this.socket.send({ type: 'ack', seq });
      return;
    }
    this.lastSeq = seq;
    this.framesWaiting += 1;
    if (this.framesWaiting === framesWaitingMax) this.socket.pause();
    this.ports
      .submit({ hostId: this.hostId, reports, usage })
      .then((receipt) => {
        this.accept(receipt);
        this.socket.send({ type: 'ack', seq });
      })
      .catch((err) => {
        this.ports.logger.error({ err, hostId: this.hostId }, 'what an agent reported could not be stored');
        this.goodbye('what was reported could not be stored', retrySoonMs);
      })
      .finally(() => {
        this.framesWaiting -= 1;
        if (this.framesWaiting === framesWaitingMax - 1) this.socket.resume();
      });
  }

  private accept({ toStop, ended }: Receipt): void {
    this.outbox.forget(ended, performance.now());
    if (toStop.length > 0) this.tell(toStop);
  }

  private resendOverdue(): void {
    const nowMs = performance.now();
    this.outbox.prune(nowMs, endedKeptMs);
    const frames = this.outbox.overdue(nowMs, resend.afterMs, resend.atMostTimes);
    if (frames === null) this.goodbye('what was sent is not being acknowledged', retrySoonMs);
    for (const frame of frames ?? []) this.socket.send(frame);
  }

  private onClose(reason: string): void {
    clearTimeout(this.helloTimer);
    clearInterval(this.resendTimer);
    this.ports.logger.info({ hostId: this.hostId, reason }, 'an agent’s connection ended');
    this.ports.closed(this);
  }
}
