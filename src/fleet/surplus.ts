// Finds the machines that are not needed: empty ones beyond what the pool keeps idle, and those whose tasks fit elsewhere,
// each tried in the engine after what waits was placed.
import { type Consolidation, consolidate } from '../placement/engine/consolidate.js';
import type { FleetModel } from './fleet-model.js';
import { countOf, toMicros } from './offers.js';
import type { FleetView, MachineView } from './types.js';

/** Hosts that are emptied by moving tasks in one pass, and tasks moved for it. */
const emptiedAtOnce = { hosts: 10, moves: 100 };

/** Gathers the machines that could go, never so many that a pool falls below what it keeps. */
export class Surplus {
  private readonly chosen = new Set<string>();
  private readonly mayLose = new Map<string, number>();

  constructor(
    private readonly view: FleetView,
    private readonly model: FleetModel,
    private readonly staying: readonly MachineView[],
    grown: ReadonlySet<string>,
    private readonly isFree: (machine: MachineView) => boolean,
  ) {
    for (const pool of view.pools) {
      const { onDemand, spot } = countOf(pool, staying);
      this.mayLose.set(pool.id, grown.has(pool.id) ? 0 : Math.max(0, onDemand + spot - pool.settings.minHosts));
    }
  }

  has({ id }: MachineView): boolean {
    return this.chosen.has(id);
  }

  /** Those that somebody else has drained take no tasks any more. */
  addDrained(): void {
    const drained = new Set(this.view.hosts.filter((host) => host.drained).map(({ spec }) => spec.id));
    const busy = new Set(this.view.held.map(({ hostId }) => hostId));
    for (const machine of this.joined) {
      if (machine.hostId !== null && drained.has(machine.hostId) && !busy.has(machine.hostId)) this.add(machine);
    }
  }

  /** Empty ones beyond the reserve. Those that were not needed before go on being so; else the dearest first. */
  addIdle(): void {
    for (const pool of this.view.pools) {
      const price = new Map(pool.settings.instanceTypes.map(({ name, onDemandPrice }) => [name, toMicros(onDemandPrice)]));
      const idle = this.staying.filter((machine) => machine.poolId === pool.id && this.model.isIdle(this.model.nodeOf(machine)));
      const order = (machine: MachineView) =>
        [machine.unneededSinceMs ?? this.view.nowMs, -(price.get(machine.instanceType) ?? 0)] as const;
      const leaving = idle
        .filter(this.isFree)
        .sort((a, b) => order(a)[0] - order(b)[0] || order(a)[1] - order(b)[1] || (a.id < b.id ? -1 : 1));
      for (const machine of leaving.slice(0, Math.max(0, idle.length - pool.settings.idleHosts))) this.add(machine);
    }
  }

  /** Those of which every task fits on another host that is in use. */
  addMovable(): void {
    for (const pool of this.view.pools) {
      const own = new Map(this.joined.filter(({ poolId }) => poolId === pool.id).map((machine) => [this.model.nodeOf(machine), machine]));
      if (pool.settings.emptyBelowPercent === 0) continue;
      for (const { host } of emptied(this.model, own, pool.settings.emptyBelowPercent)) this.add(own.get(host) as MachineView);
    }
  }

  private get joined(): MachineView[] {
    return this.staying.filter(this.isFree);
  }

  private add({ id, poolId }: MachineView): void {
    const left = this.mayLose.get(poolId) ?? 0;
    if (left === 0 || this.chosen.has(id)) return;
    this.mayLose.set(poolId, left - 1);
    this.chosen.add(id);
  }
}

/** @param own the pool's hosts: only they are emptied, though tasks may go to any. */
function emptied({ engine, requests }: FleetModel, own: ReadonlyMap<string, unknown>, usedPercent: number): readonly Consolidation[] {
  const { hosts, tasks } = engine.world;
  const isOwn = (task: string) => own.has(hosts.id(tasks.host[tasks.handle(task)] ?? -1));
  return consolidate(engine, { ...emptiedAtOnce, usedPercent, lifetime: 0 }, (task) => (isOwn(task) ? (requests.get(task) ?? null) : null));
}
