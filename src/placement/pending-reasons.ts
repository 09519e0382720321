// Which waiting tasks are to be told why, and what: new ones first, others from time to time, never all at once. Amounts in
// reasons change with every pass; on a busy fleet with a long queue they must not be most of the work.
import type { PendingReason, TaskId } from '@berth/contract';
import type { TaskRow } from './fleet.js';
import type { FleetModel } from './fleet-model.js';
import { leavingReason, pendingReason, soonReason } from './pending-reason.js';

const tasksAtOnce = 3000;
/** Each looks at every host. */
const differentAtOnce = 50;

export class PendingReasons {
  /** In the order in which they are due. */
  private readonly due = new Set<TaskId>();
  private looked = -1;
  private readonly told = new Map<TaskId, string>();

  get hasMore(): boolean {
    return this.due.size > 0;
  }

  /** What waits is due: if something has changed since the last look, also those that were told before. */
  look({ pending, version }: Pick<FleetModel, 'pending' | 'version'>): void {
    if (version === this.looked) return;
    this.looked = version;
    for (const id of this.told.keys()) if (!pending.has(id)) this.told.delete(id);
    for (const id of pending.keys()) if (!this.told.has(id)) this.due.add(id);
    for (const id of this.told.keys()) this.due.add(id);
  }

  /** Reasons that differ from what was told; what is given out counts as told. */
  next(model: FleetModel): { taskIds: TaskId[]; reason: PendingReason }[] {
    const reasons = new Map<string, PendingReason>();
    const changed = new Map<string, { taskIds: TaskId[]; reason: PendingReason }>();
    let left = tasksAtOnce;
    for (const id of this.due) {
      const row = model.pending.get(id);
      const key = row && keyOf(model, row);
      if (left === 0 || (key && !reasons.has(key) && reasons.size >= differentAtOnce)) break;
      this.due.delete(id);
      if (!row || !key) continue;
      left--;
      const reason = reasons.get(key) ?? reasonOf(model, row);
      reasons.set(key, reason);
      this.note(id, reason, changed);
    }
    return [...changed.values()];
  }

  private note(id: TaskId, reason: PendingReason, changed: Map<string, { taskIds: TaskId[]; reason: PendingReason }>): void {
    const text = JSON.stringify(reason);
    if (this.told.get(id) === text) return;
    this.told.set(id, text);
    const entry = changed.get(text);
    if (entry) entry.taskIds.push(id);
    else changed.set(text, { taskIds: [id], reason });
  }
}

function keyOf(model: FleetModel, row: TaskRow): string {
  return `${model.waitsFor(row.id) ?? ''}/${row.tenantId}/${row.group ?? ''}/${row.cpuMillis}/${row.memoryMiB}/${row.gang?.id ?? ''}/${row.needs}`;
}

export function reasonOf(model: FleetModel, row: TaskRow): PendingReason {
  const victims = model.waitsFor(row.id);
  if (victims !== null) return leavingReason(victims);
  const { volumes: needs } = model.shapes.needsOf(row.needs);
  const volumes = needs && { needs, homes: model.homesOf(row) };
  const reason = pendingReason(model.engine.world, model.askingOf(row), (id) => model.hosts.get(id), volumes);
  return reason ?? model.gangReasonOf(row) ?? soonReason;
}
