// How fast tasks are placed at present, from the placements that were committed lately. Pure.

/** What one statement placed. */
export interface PlacedBatch {
  readonly atMs: number;
  readonly tasks: number;
}

/** A longer pause says that nothing was to be done. */
const pauseMs = 1_000;
/** Smaller batches are what came in, not what could be done: no queue was worked off then. */
const queueOf = 10;
const tasksAtLeast = 20;

/** @param batches oldest first. @returns ms for each task while there was a queue; null if there was none lately. */
export function msPerTask(batches: readonly PlacedBatch[]): number | null {
  let ms = 0;
  let placed = 0;
  for (const [i, { atMs, tasks }] of batches.entries()) {
    const sinceMs = atMs - (batches[i - 1]?.atMs ?? Number.NEGATIVE_INFINITY);
    if (sinceMs > pauseMs || tasks < queueOf) continue;
    ms += sinceMs;
    placed += tasks;
  }
  return placed < tasksAtLeast ? null : ms / placed;
}
