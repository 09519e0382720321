// Decides which machines leave: those beyond what a pool may have, and those that were not needed (surplus.ts) for the
// cooldown. Never those on which volumes live.
import type { FleetModel } from './fleet-model.js';
import { Surplus } from './surplus.js';
import type { FleetAction, FleetView, MachineView, PoolView } from './types.js';

/** @param grown pools that buy in this pass: they let nothing go. */
export function scaleDown(view: FleetView, model: FleetModel, staying: readonly MachineView[], grown: ReadonlySet<string>): FleetAction[] {
  const tied = new Set(view.hosts.filter((host) => host.hasVolumes).map(({ spec }) => spec.id));
  const isFree = ({ state, hostId }: MachineView) => state === 'joined' && hostId !== null && !tied.has(hostId);
  const tooMany = view.pools.flatMap((pool) => overMax(pool, model, staying, isFree));
  const rest = staying.filter(({ id }) => !tooMany.some(({ machineId }) => machineId === id));
  const surplus = new Surplus(view, model, rest, grown, isFree);
  surplus.addDrained();
  surplus.addIdle();
  surplus.addMovable();
  const lastGrowth = lastGrowthOf(view);
  const pools = new Map(view.pools.map((pool) => [pool.id, pool]));
  return [
    ...tooMany,
    ...rest.flatMap((machine) => {
      const pool = pools.get(machine.poolId);
      return pool ? leave(machine, pool, surplus.has(machine), view.nowMs, lastGrowth.get(pool.id) ?? 0) : [];
    }),
  ];
}

/** The most that a pool may have was lowered: those with the fewest tasks go, needed or not. */
function overMax(
  { id: poolId, settings }: PoolView,
  model: FleetModel,
  staying: readonly MachineView[],
  isFree: (machine: MachineView) => boolean,
): (FleetAction & { kind: 'drain' })[] {
  const own = staying.filter((machine) => machine.poolId === poolId);
  const tasks = (machine: MachineView) => model.tasksOn(model.nodeOf(machine));
  const leaving = own.filter(isFree).sort((a, b) => tasks(a) - tasks(b) || (a.id < b.id ? -1 : 1));
  const reason = `its pool may have ${settings.maxHosts} machines`;
  return leaving
    .slice(0, Math.max(0, own.length - settings.maxHosts))
    .map(({ id }) => ({ kind: 'drain', machineId: id, reason, final: true, hurry: false }));
}

function leave(machine: MachineView, { settings }: PoolView, unneeded: boolean, nowMs: number, grewAtMs: number): FleetAction[] {
  const { id: machineId, unneededSinceMs } = machine;
  const cooldownMs = settings.cooldownSeconds * 1000;
  if (!unneeded) return unneededSinceMs === null ? [] : [{ kind: 'unneeded', machineId, unneeded: false }];
  const sinceMs = unneededSinceMs ?? nowMs;
  if (nowMs - Math.max(sinceMs, grewAtMs) >= cooldownMs)
    return [{ kind: 'drain', machineId, reason: 'it is not needed', final: false, hurry: false }];
  return unneededSinceMs === null ? [{ kind: 'unneeded', machineId, unneeded: true }] : [];
}

/** When each pool last asked for a machine. */
function lastGrowthOf({ machines }: FleetView): Map<string, number> {
  const last = new Map<string, number>();
  for (const { poolId, requestedAtMs } of machines) last.set(poolId, Math.max(last.get(poolId) ?? 0, requestedAtMs));
  return last;
}
