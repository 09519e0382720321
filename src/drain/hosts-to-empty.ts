// Decides which hosts defragmentation would empty: those whose tasks all may move and fit on other hosts that are in use,
// if a freed host is worth the moves. Tries it on the engine and leaves that as it was.
import type { DefragmentationSettings, DefragmentationStep, HostId, TaskId } from '@berth/contract';
import { type Consolidation, consolidate } from '../placement/engine/consolidate.js';
import type { FleetModel } from '../placement/fleet-model.js';

export interface Allowance {
  readonly hosts: number;
  readonly moves: number;
}

/** @param movable tasks that may be replaced; one host with another task is left alone, for it would not get empty. */
export function hostsToEmpty(
  model: FleetModel,
  settings: Pick<DefragmentationSettings, 'usedPercentAtMost' | 'minSavingPerMove'>,
  left: Allowance,
  movable: ReadonlySet<TaskId>,
): DefragmentationStep[] {
  if (left.hosts <= 0 || left.moves <= 0) return [];
  const requestOf = (id: string) => {
    const row = model.heldTask(id as TaskId);
    if (!row || row.stopping || !movable.has(row.id) || model.shapes.needsOf(row.needs).volumes) return null;
    return model.shapes.requestOf(row);
  };
  let plan: Consolidation[] = [];
  model.engine.attempt(() => {
    // What asked to be replaced does not end by itself, however young it is.
    plan = consolidate(
      model.engine,
      { usedPercent: settings.usedPercentAtMost, hosts: left.hosts, moves: left.moves, lifetime: 0 },
      requestOf,
    );
    return false;
  });
  return plan.map((one) => stepOf(model, one)).filter((step) => isWorthIt(step, settings.minSavingPerMove));
}

function stepOf(model: FleetModel, { host, moves }: Consolidation): DefragmentationStep {
  const row = model.hosts.get(host as HostId);
  return {
    hostId: host,
    hostName: row?.name ?? '',
    cpuMillisFreed: row?.cpuMillis ?? 0,
    moves: moves.map(({ task, to }) => ({ taskId: task, toHostId: to })),
  };
}

/** @param leastPerMove CPUs that each move has to free. */
function isWorthIt({ cpuMillisFreed, moves }: DefragmentationStep, leastPerMove: number): boolean {
  return cpuMillisFreed >= leastPerMove * 1000 * moves.length;
}
