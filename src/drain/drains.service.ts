// What operators ask of hosts: no new tasks, no tasks at all, and how far that is.
import { type Drain, type DrainHost, type Host, type HostId, isId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { HostsService } from '../agents/hosts.service.js';
import { SignalBus } from '../db/signals.js';
import { ApiError, notFound } from '../errors.js';
import { type DrainRow, readDrain, readReplacements, setAvailability, startDrain } from './drains.store.js';
import { readLeaving } from './evictions.store.js';
import { nextEvictions } from './next-evictions.js';

const waitingShown = 200;

@Injectable()
export class DrainsService {
  constructor(
    @Inject(DataSource) private readonly db: DataSource,
    @Inject(SignalBus) private readonly signals: SignalBus,
    @Inject(HostsService) private readonly hosts: HostsService,
  ) {}

  /**
   * Begins to empty a host, or sets another deadline for that. Returns at once.
   * @throws ApiError not_found, host_lost
   */
  async start(id: string, { deadlineSeconds, reason }: DrainHost, cause: Drain['cause'] = 'operator'): Promise<Drain> {
    const drain = { cause, reason: reason ?? 'Asked for by the operator.', deadlineSeconds };
    const outcome = isId(id) ? await startDrain(this.db, id as HostId, drain) : ({ found: false } as const);
    if (!outcome.found) throw notFound('host', id);
    if (outcome.lost) throw new ApiError('host_lost', { host: outcome.name });
    this.announce(id);
    return this.get(id);
  }

  /** @returns the host as it is then. @throws ApiError not_found */
  cordon(id: string, reason: string | undefined): Promise<Host> {
    return this.setAvailability(id, 'cordoned', reason ?? 'Asked for by the operator.');
  }

  /** Opens it for tasks again; a drain is called off. @returns the host as it is then. @throws ApiError not_found */
  uncordon(id: string): Promise<Host> {
    return this.setAvailability(id, 'open', 'Asked for by the operator.');
  }

  /** The newest drain of a host, under way or over. @throws ApiError not_found, host_not_draining */
  async get(id: string): Promise<Drain> {
    const host = await this.hosts.get(id);
    const drain = await readDrain(this.db, host.id as HostId);
    if (!drain) throw new ApiError('host_not_draining', { host: host.name });
    return { ...toDrain(drain), waiting: drain.ended_at === null ? await this.waiting(drain.host_id) : [] };
  }

  private async waiting(hostId: HostId): Promise<Drain['waiting']> {
    const { tasks, groups, nowMs } = await readLeaving(this.db, hostId);
    const { waiting } = nextEvictions(tasks, groups, nowMs);
    const shown = [...waiting].slice(0, waitingShown);
    const replacements = await readReplacements(
      this.db,
      shown.map(([taskId]) => taskId),
    );
    return shown.map(([taskId, reason]) => ({ taskId, replacedBy: replacements.get(taskId) ?? null, reason }));
  }

  private async setAvailability(id: string, availability: 'open' | 'cordoned', reason: string): Promise<Host> {
    if (!isId(id) || !(await setAvailability(this.db, id as HostId, availability, reason)).found) throw notFound('host', id);
    this.announce(id);
    return this.hosts.get(id);
  }

  private announce(id: string): void {
    this.signals.send('hosts', [id]);
    this.signals.send('pending', null);
  }
}

function toDrain(row: DrainRow): Omit<Drain, 'waiting'> {
  return {
    hostId: row.host_id,
    cause: row.cause,
    reason: row.reason,
    startedAt: row.started_at.toISOString(),
    deadlineAt: row.deadline_at.toISOString(),
    forcedAt: row.forced_at?.toISOString() ?? null,
    endedAt: row.ended_at?.toISOString() ?? null,
    outcome: row.outcome,
    tasksAtStart: row.tasks_at_start,
    tasksLeft: row.tasks_left,
    replaced: row.replaced,
    forced: row.forced,
  };
}
