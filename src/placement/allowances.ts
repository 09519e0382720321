// What disruption budgets allow of evictions, told to the engine only while somebody decides by it: else it would decide by
// what was once true. The engine evicts nobody whose budget it was not told. Pure.
import type { TaskId } from '@berth/contract';
import type { Engine } from './engine/engine.js';
import { tally } from './engine/groups.js';
import type { TaskRow } from './fleet.js';

export class Allowances {
  private readonly groupOf = new Map<TaskId, string>();
  private readonly members = new Map<string, number>();

  constructor(private readonly engine: Engine) {}

  /** Budgets of tasks on hosts that others may evict. */
  get groups(): string[] {
    return [...this.members.keys()];
  }

  note({ id, budgetGroup }: Pick<TaskRow, 'id' | 'budgetGroup'>): void {
    if (budgetGroup === null || this.groupOf.has(id)) return;
    this.groupOf.set(id, budgetGroup);
    tally(this.members, budgetGroup, 1);
  }

  forget(id: TaskId): void {
    const group = this.groupOf.get(id);
    if (group === undefined) return;
    this.groupOf.delete(id);
    tally(this.members, group, -1);
  }

  /** @param allowed by budget; what is missing allows none. */
  during<T>(allowed: ReadonlyMap<string, number>, work: () => T): T {
    for (const [group, evictions] of allowed) this.engine.apply({ kind: 'budget', group, evictions });
    try {
      return work();
    } finally {
      for (const group of allowed.keys()) this.engine.apply({ kind: 'budget', group, evictions: 0 });
    }
  }
}
