// What tasks ask for, as the database has it, in the engine's words.
import type { Asking } from '../placement/task-shapes.js';
import { TaskShapes } from '../placement/task-shapes.js';
import type { Demand, FleetView } from './types.js';

/** Tasks of one make. */
export interface DemandRow extends Omit<Asking, 'stopping'> {
  readonly group: string | null;
  readonly count: number;
  /** Where they are; of those that wait, where they have to be because their volumes are there. */
  readonly hostId: string | null;
  readonly movable: boolean;
}

/** All at once: whether a task's tags matter depends on what the others name. */
export function toDemands(held: readonly DemandRow[], pending: readonly DemandRow[]): Pick<FleetView, 'held' | 'pending'> {
  const shapes = new TaskShapes(() => undefined);
  for (const row of [...held, ...pending]) shapes.seek(row);
  return {
    held: held.flatMap((row) => (row.hostId === null ? [] : { ...toDemand(shapes, row), hostId: row.hostId, movable: row.movable })),
    pending: pending.map((row) => ({ ...toDemand(shapes, row), ...(row.hostId === null ? {} : { pin: { host: row.hostId } }) })),
  };
}

/** The fleet buys for what waits, whoever it was promised to: no reservation is asked, and nobody is evicted. */
function toDemand(shapes: TaskShapes, row: DemandRow): Demand {
  const { shape, group } = shapes.requestOf({ ...row, id: '' as never, stopping: false });
  return { shape: flexible(shape), count: row.count, ...(group === undefined ? {} : { group }) };
}

function flexible({ capacityGroup: _, ...shape }: Demand['shape']): Demand['shape'] {
  return { ...shape, tier: 'flex' };
}
