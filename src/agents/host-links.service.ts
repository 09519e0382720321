// The agents that are connected to this replica, by host. Whoever wants something of a host asks here. A host that is
// connected to another replica looks unreachable from this one.
import { type DesiredTask, type HostId, type LogLine, logStreamFrameSchema } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { Gauge } from 'prom-client';
import type { z } from 'zod';
import type { Config } from '../config.js';
import { CONFIG } from '../db/db.module.js';
import { ApiError } from '../errors.js';
import type { AgentLink } from './agent-link.service.js';
import { FrameStream } from './frame-stream.service.js';
import { groupByHost } from './group-by-host.js';
import { type LogStreamRequest, LogStreams, type StreamRequest } from './log-streams.service.js';
import { type SpecSource, toDesiredRunning } from './task-spec.js';

@Injectable()
export class HostLinks {
  readonly streams = new LogStreams();
  private readonly links = new Map<HostId, AgentLink>();
  private newestEpoch = 0;

  constructor(@Inject(CONFIG) private readonly config: Pick<Config, 'registry'>) {
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

  /** One connection a host: the newer replaces the older, whose other end may be long gone. */
  add(link: AgentLink): void {
    this.links.get(link.hostId)?.goodbye('replaced by a newer connection of this host');
    this.links.set(link.hostId, link);
    connectedAgents.set(this.links.size);
  }

  remove(link: AgentLink): void {
    if (this.links.get(link.hostId) !== link) return;
    this.links.delete(link.hostId);
    this.streams.forget(link.hostId);
    connectedAgents.set(this.links.size);
  }

  /**
   * Pushes committed placements to their hosts' agents.
   * @returns the hosts that are not connected here.
   */
  assign(epoch: number, assignments: readonly (SpecSource & { readonly hostId: HostId })[]): HostId[] {
    this.noteEpoch(epoch);
    const byHost = groupByHost(assignments);
    const elsewhere: HostId[] = [];
    for (const [hostId, sources] of byHost) {
      const link = this.links.get(hostId);
      if (link) link.tell(this.toDesired(sources));
      else elsewhere.push(hostId);
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
  async openLogs(hostId: HostId, request: LogStreamRequest, signal: AbortSignal): Promise<AsyncIterable<LogLine[]>> {
    return this.openFrames(hostId, { kind: 'logs', ...request }, logLinesFrame, signal);
  }

  /**
   * Frames of any kind that a host sends, read as fast as they are pulled.
   * @throws as `openLogs`
   */
  async openFrames<T>(hostId: HostId, request: StreamRequest, schema: z.ZodType<T>, signal: AbortSignal): Promise<AsyncIterable<T>> {
    const link = this.links.get(hostId);
    if (!link) throw new ApiError('host_unreachable');
    return this.streams.open(hostId, request, signal, {
      take: (socket) => new FrameStream(socket, schema, signal),
      send: (frame) => link.request(frame),
    });
  }
}

const logLinesFrame = logStreamFrameSchema.transform(({ lines }) => lines);

const connectedAgents = new Gauge({ name: 'berth_connected_agents', help: 'Agents connected to this replica' });
