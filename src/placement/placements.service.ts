// One batch of placements: the engine decides, PostgreSQL accepts or refuses, the engine learns what came of it. And the
// reasons of what still waits. Who leads and when is the scheduler's business.
import type { TaskId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { readEvictionsAllowed } from './disruption.store.js';
import { DisruptionGate } from './disruption-gate.service.js';
import { readHostsAndTasks } from './fleet-changes.store.js';
import type { FleetModel } from './fleet-model.js';
import type { Lease } from './lease.store.js';
import { LiveEngine } from './live-engine.service.js';
import { PendingReasons } from './pending-reasons.js';
import type { Plan } from './plan.js';
import { type Assignment, commitEvictions, commitPlacements, writePendingReasons } from './scheduler.store.js';

export interface Committed {
  /** How many tasks were decided for, whatever became of it. */
  readonly decided: number;
  readonly assignments: readonly Assignment[];
  readonly evicted: { readonly hosts: readonly string[]; readonly tasks: readonly string[] };
}

/** Everything that waits is tried again then; budgets change by the minute. */
const evictionsEveryMs = 1_000;
const nothing = { hosts: [], tasks: [] } as const;

@Injectable()
export class Placements {
  private reasons = new PendingReasons();
  private evictionsTriedAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    @Inject(DataSource) private readonly db: DataSource,
    @Inject(LiveEngine) private readonly live: LiveEngine,
    @Inject(DisruptionGate) private readonly gate: DisruptionGate,
  ) {}

  /** Tasks wait whose reason is not written yet. */
  get hasUnexplained(): boolean {
    return this.reasons.hasMore;
  }

  /** This replica has become the leader: what it knew may be old. */
  begin(): void {
    this.live.forget();
    this.reasons = new PendingReasons();
  }

  /** Decides for at most about `enough` tasks and commits that. @returns null if `lease` no longer holds. */
  async place(lease: Lease, enough: number): Promise<Committed | null> {
    let mayEvict = false;
    const committed = await this.live.change(lease.epoch, async (model) => {
      const outcome = await this.commit(lease, model, model.plan(enough));
      mayEvict = model.allowances.groups.length > 0 && model.dispatch.parked > 0;
      return outcome;
    });
    if (!committed || committed.decided > 0 || !mayEvict) return committed;
    return (await this.placeByEvicting(lease, enough)) ?? committed;
  }

  /**
   * What found no place may do so by evicting tasks that have a disruption budget, as far as that allows it now. Looked at
   * when nothing else can be placed, for everything that waits has to be tried again.
   * @returns null if there is nothing to try.
   */
  private async placeByEvicting(lease: Lease, enough: number): Promise<Committed | null> {
    const dueMs = this.evictionsTriedAtMs + evictionsEveryMs;
    if (performance.now() < dueMs) return null;
    return this.gate.exclusive(() =>
      this.live.change(lease.epoch, async (model) => {
        this.evictionsTriedAtMs = performance.now();
        const allowed = await readEvictionsAllowed(this.db, model.allowances.groups);
        if ([...allowed.values()].every((count) => count === 0)) return null;
        model.dispatch.reconsider();
        return this.commit(
          lease,
          model,
          model.allowances.during(allowed, () => model.plan(enough)),
        );
      }),
    );
  }

  private async commit(lease: Lease, model: FleetModel, { placed, evictions }: Plan): Promise<Committed | null> {
    if (placed.length + evictions.length === 0) {
      this.reasons.look(model);
      return { decided: 0, assignments: [], evicted: nothing };
    }
    const assignments = placed.length > 0 ? await commitPlacements(this.db, lease, placed) : [];
    const evicted = evictions.length > 0 ? await commitEvictions(this.db, lease, evictions) : nothing;
    if (!assignments || !evicted) {
      this.live.forget();
      return null;
    }
    await this.settle(model, placed, new Set(assignments.map(({ taskId }) => taskId)));
    return { decided: placed.length + evictions.length, assignments, evicted };
  }

  /** Writes why tasks wait, as far as that is due. @returns the tasks whose reason changed; null if `lease` no longer holds. */
  explain(lease: Lease): Promise<TaskId[] | null> {
    return this.live.change(lease.epoch, (model) => writePendingReasons(this.db, lease, this.reasons.next(model)));
  }

  private async settle(model: FleetModel, placed: Parameters<FleetModel['settle']>[0], accepted: ReadonlySet<TaskId>): Promise<void> {
    const nowS = Math.floor(performance.now() / 1000);
    const { tasks, hosts } = model.settle(placed, accepted, nowS);
    if (tasks.length > 0) model.apply(await readHostsAndTasks(this.db, hosts, tasks), nowS);
  }
}
