// The agents that are connected to this replica, by host. Whoever wants something of a host asks here: a stream from a
// host that is connected to another replica is asked for through that one, and the host dials this one.
import { type DesiredTask, type HostId, type LogStreamFrame, logStreamFrameSchema, type OpenStream } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { Gauge } from 'prom-client';
import type { WebSocket } from 'ws';
import type { z } from 'zod';
import type { Config } from '../config.js';
import { CONFIG } from '../db/db.module.js';
import { SignalBus } from '../db/signals.js';
import { ApiError } from '../errors.js';
import type { AgentLink } from './agent-link.service.js';
import { FrameStream } from './frame-stream.service.js';
import { groupByHost } from './group-by-host.js';
import { type LogStreamRequest, LogStreams, type StreamRequest } from './log-streams.service.js';
import { type SpecSource, toDesiredRunning, usesSecrets } from './task-spec.js';

@Injectable()
export class HostLinks {
  readonly streams = new LogStreams();
  private readonly links = new Map<HostId, AgentLink>();
  private readonly addListeners = new Set<(link: AgentLink) => void>();
  private newestEpoch = 0;

  constructor(
    @Inject(CONFIG) private readonly config: Pick<Config, 'registry' | 'roles' | 'gateway'>,
    @Inject(SignalBus) private readonly signals: Pick<SignalBus, 'send'>,
  ) {
    connectedAgents.set(0);
  }

  get hostIds(): HostId[] {
    return [...this.links.keys()];
  }

  get epoch(): number {
    return this.newestEpoch;
  }

  noteEpoch(epoch: number): void {
    this.newestEpoch = Math.max(this.newestEpoch, epoch);
  }

  of(hostId: HostId): AgentLink | undefined {
    return this.links.get(hostId);
  }

  /** @returns what ends it. */
  onAdd(listen: (link: AgentLink) => void): () => void {
    this.addListeners.add(listen);
    return () => this.addListeners.delete(listen);
  }

  /** One connection a host: the newer replaces the older, whose other end may be long gone. */
  add(link: AgentLink): void {
    this.links.get(link.hostId)?.goodbye('replaced by a newer connection of this host');
    this.links.set(link.hostId, link);
    for (const listen of this.addListeners) listen(link);
    // It may have been asked while it was not connected anywhere.
    for (const frame of this.streams.waitingFor(link.hostId)) link.request(frame);
    connectedAgents.set(this.links.size);
  }

  remove(link: AgentLink): void {
    if (this.links.get(link.hostId) !== link) return;
    this.links.delete(link.hostId);
    this.streams.forget(link.hostId);
    connectedAgents.set(this.links.size);
  }

  /**
   * Pushes committed placements to their hosts' agents. Those that take secrets are left to who looks into the database.
   * @returns the hosts that are not connected here, or have tasks that were left.
   */
  assign(epoch: number, assignments: readonly (SpecSource & { readonly hostId: HostId })[]): HostId[] {
    this.noteEpoch(epoch);
    const byHost = groupByHost(assignments);
    const elsewhere: HostId[] = [];
    for (const [hostId, sources] of byHost) {
      const link = this.links.get(hostId);
      const ready = sources.filter(({ definition }) => !usesSecrets(definition));
      if (link && ready.length > 0) link.tell(this.toDesired(ready));
      if (!link || ready.length < sources.length) elsewhere.push(hostId);
    }
    return elsewhere;
  }

  toDesired(sources: readonly SpecSource[]): DesiredTask[] {
    return sources.map((source) => toDesiredRunning(source, this.config.registry.default));
  }

  /**
   * A task's log lines from its host, oldest first, read as fast as they are pulled. With `follow` they end with the task.
   * @param signal aborting it closes the stream.
   * @throws ApiError host_unreachable when the host is not connected here or does not open the stream within 10 s,
   * unavailable when it cannot.
   */
  async openLogs(hostId: HostId, request: LogStreamRequest, signal: AbortSignal): Promise<AsyncIterable<LogStreamFrame>> {
    return this.openFrames(hostId, { kind: 'logs', ...request }, logStreamFrameSchema, signal);
  }

  /**
   * Frames of any kind that a host sends, read as fast as they are pulled.
   * @throws as `openLogs`
   */
  async openFrames<T>(hostId: HostId, request: StreamRequest, schema: z.ZodType<T>, signal: AbortSignal): Promise<AsyncIterable<T>> {
    return this.openStream(hostId, request, signal, (socket) => new FrameStream(socket, schema, signal));
  }

  /**
   * A stream's socket, once the host has dialled in.
   * @param take gets it before anything can come on it.
   * @throws ApiError host_unreachable when the host is connected to no replica or does not open the stream in time,
   * unavailable when it cannot.
   */
  async openStream<T>(hostId: HostId, request: StreamRequest, signal: AbortSignal, take: (socket: WebSocket) => T): Promise<T> {
    const link = this.links.get(hostId);
    if (link) return this.streams.open(hostId, request, signal, { take, send: (frame) => link.request(frame), elsewhere: null });
    if (!this.config.roles.includes('gateway')) throw new ApiError('host_unreachable');
    const send = (frame: OpenStream) => this.signals.send('streams', [JSON.stringify({ hostId, frame } satisfies RelayedStream)]);
    return this.streams.open(hostId, request, signal, { take, send, elsewhere: this.config.gateway.directUrl });
  }

  /** For another replica, which the host is to dial. Nothing happens if the host is not connected here, either. */
  relay({ hostId, frame }: RelayedStream): void {
    this.links.get(hostId)?.request(frame);
  }
}

/** What one replica asks the others to pass on; must stay far below the 8000 bytes of a NOTIFY. */
export interface RelayedStream {
  readonly hostId: HostId;
  readonly frame: OpenStream;
}

const connectedAgents = new Gauge({ name: 'berth_connected_agents', help: 'Agents connected to this replica' });
