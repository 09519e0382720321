// Finds instances that carry our mark and that the database doesn't know, or has given up.
import type { FleetAction, FleetView } from './types.js';

/**
 * A machine is written down before EC2 is asked for it, so an instance without one was asked for by a leader that no longer
 * led, or the database is older than the instance: restored from a backup. The grace is for the second.
 */
export function strays({ machines, instances, nowMs }: FleetView, graceMs: number): FleetAction[] {
  const known = new Set(machines.map(({ id }) => id));
  const instanceIds = new Set(machines.map(({ instanceId }) => instanceId));
  return instances
    .filter(({ state }) => state !== 'shutting-down' && state !== 'terminated')
    .filter(({ id, machineId }) => !instanceIds.has(id) && (machineId === null || !known.has(machineId)))
    .filter(({ launchedAtMs }) => nowMs - launchedAtMs >= graceMs)
    .map(({ id }) => ({ kind: 'terminateStray', instanceId: id }));
}
