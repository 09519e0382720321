import { describe, expect, it } from 'vitest';
import { msPerTask } from './pace.js';

const batches = (...list: [number, number][]) => list.map(([atMs, tasks]) => ({ atMs, tasks }));

describe('how long a task takes to be placed', () => {
  it.each([
    ['nobody knows without placements', batches(), null],
    ['nobody knows by a single batch', batches([0, 1000]), null],
    ['by the time between batches', batches([0, 1000], [500, 1000], [1000, 1000]), 0.5],
    ['without pauses, in which nothing was to be done', batches([0, 10], [100, 100], [60_000, 100], [60_100, 100]), 1],
    ['without what came in one by one', batches([0, 1], [10, 1], [20, 1]), null],
    ['nobody knows by very few', batches([0, 10], [100, 10]), null],
  ])('%s', (_, of, expected) => {
    expect(msPerTask(of)).toBe(expected);
  });
});
