// What placing tasks now would come to: done on the engine, and taken back. Pure.
import type { HostId, PendingReason } from '@berth/contract';
import type { Placement } from './engine/types.js';
import type { TaskRow } from './fleet.js';
import type { FleetModel } from './fleet-model.js';
import { reasonOf } from './pending-reasons.js';
import { placedInWords } from './placed-in-words.js';

export interface Simulated {
  readonly hostId: HostId | null;
  readonly placement: string | null;
  readonly evicts: number;
}

export interface Simulation {
  readonly tasks: readonly Simulated[];
  readonly pending: PendingReason | null;
  /** Tasks that are in the queue and not parked. */
  readonly ahead: number;
}

/** @param rows alike, pending and not in the model; of one gang, or of none. The model is as it was after. */
export function simulate(model: FleetModel, rows: readonly TaskRow[]): Simulation {
  let tasks: Simulated[] = [];
  let pending: PendingReason | null = null;
  model.engine.attempt(() => {
    const placements = place(model, rows);
    tasks = rows.map((row, index) => simulated(model, row, placements[index]));
    const without = rows.find((_, index) => tasks[index]?.hostId === null);
    if (without) pending = reasonOf(model, without);
    return false;
  });
  return { tasks, pending, ahead: model.dispatch.waiting - model.dispatch.parked };
}

function place(model: FleetModel, rows: readonly TaskRow[]): Placement[] {
  const [first] = rows;
  if (!first) return [];
  if (first.gang)
    return model.engine.placeGang(
      rows.map((row) => model.askingOf(row)),
      first.gang.min,
    );
  return rows.map((row) =>
    model.canHaveVolumes(row) ? model.engine.place(model.askingOf(row)) : { placed: false, task: row.id, reason: 'no-host' },
  );
}

function simulated(model: FleetModel, row: TaskRow, placement: Placement | undefined): Simulated {
  if (!placement?.placed) return { hostId: null, placement: null, evicts: 0 };
  const words = placedInWords(model.engine.world, model.askingOf(row), placement.host);
  return { hostId: placement.host as HostId, placement: words, evicts: placement.victims.length };
}

/** Where no queue was worked off lately: a leader commits more than a thousand tasks a second. */
const usualMsPerTask = 1;
/** The first waits for little but the commit. */
const msOfFirst = 10;

/**
 * In how long all of the tasks would be placed.
 * @param msPerTask how long each took lately; null: not known.
 * @returns null if nobody can say: it waits for capacity that has to come from somewhere.
 */
export function etaMs({ tasks, pending, ahead }: Simulation, msPerTask: number | null, noticeMs: number): number | null {
  if (pending) return null;
  const notice = tasks.some(({ evicts }) => evicts > 0) ? noticeMs : 0;
  return Math.round(msOfFirst + (ahead + tasks.length) * (msPerTask ?? usualMsPerTask) + notice);
}
