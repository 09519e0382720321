// Who waits for whom to leave a host. Kept in the model, and rebuilt from tasks that were told to leave for another's sake.
import type { HostId, TaskId } from '@berth/contract';
import type { Decision } from './plan.js';

export interface Wait {
  readonly decisions: readonly Decision[];
  /** Those that have not left yet. */
  readonly victims: Set<TaskId>;
}

export class Evictions {
  private readonly byTask = new Map<TaskId, Wait>();
  private readonly byVictim = new Map<TaskId, Wait>();
  /** Read from the database, with the task that waits not seen yet. */
  private readonly promised = new Map<TaskId, { readonly hostId: HostId; readonly victims: Set<TaskId> }>();

  of(taskId: TaskId): Wait | undefined {
    return this.byTask.get(taskId);
  }

  begin(decisions: readonly Decision[], victims: readonly TaskId[]): void {
    const wait = { decisions, victims: new Set(victims) };
    for (const { taskId } of decisions) this.byTask.set(taskId, wait);
    for (const victim of victims) this.byVictim.set(victim, wait);
  }

  /** A task on the host is leaving for another's sake. */
  note(taskId: TaskId, hostId: HostId, victim: TaskId): void {
    if (this.byVictim.has(victim)) return;
    const promise = this.promised.get(taskId) ?? { hostId, victims: new Set<TaskId>() };
    promise.victims.add(victim);
    this.promised.set(taskId, promise);
  }

  promisedTo(taskId: TaskId): { readonly hostId: HostId } | undefined {
    return this.promised.get(taskId);
  }

  /** The task holds its place on the host from now on. */
  keep(taskId: TaskId, decision: Decision): void {
    const promise = this.promised.get(taskId);
    this.promised.delete(taskId);
    if (promise) this.begin([decision], [...promise.victims]);
  }

  /** @returns decisions that can be carried out now that this one has left. */
  left(victim: TaskId): readonly Decision[] {
    for (const [taskId, { victims }] of this.promised) if (victims.delete(victim) && victims.size === 0) this.promised.delete(taskId);
    const wait = this.byVictim.get(victim);
    this.byVictim.delete(victim);
    wait?.victims.delete(victim);
    if (!wait || wait.victims.size > 0) return [];
    return wait.decisions.filter(({ taskId }) => this.byTask.delete(taskId));
  }

  /** The task does not wait any more; others of its gang go on. */
  drop(taskId: TaskId): void {
    this.byTask.delete(taskId);
  }

  /** @returns the decisions for a host that is gone. Others that were decided with them are given up, too. */
  dropHost(hostId: HostId): Decision[] {
    const waits = new Set([...this.byTask.values()].filter(({ decisions }) => decisions.some((decision) => decision.hostId === hostId)));
    return [...waits].flatMap(({ decisions, victims }) => {
      for (const victim of victims) this.byVictim.delete(victim);
      return decisions.filter(({ taskId }) => this.byTask.delete(taskId));
    });
  }
}
