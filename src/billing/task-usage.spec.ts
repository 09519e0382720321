import { expect, it } from 'vitest';
import { sumsOfTask, type TaskHolding, type TaskInterval } from './task-usage.js';

const holding: TaskHolding = {
  tenantId: 't',
  group: { definition: 'web:1', group: null, tags: '{}', userOrKey: null },
  ...{ isolation: 'container', capacityTier: 'flex', diskMiB: 0, gpus: 0, addresses: 0 },
};
const segments = [
  { fromMs: 0, untilMs: 100 },
  { fromMs: 100, untilMs: 200 },
];
const book = { fromMs: 0, book: { freeDiskMiB: 0 } } as never;

/** In which segment the bytes of an interval are. */
function placesOf(startMs: number, endMs: number): number[] {
  const size = { cpuMillis: 0, memoryMiB: 0, frozen: false, pull: false };
  const interval: TaskInterval = { ...size, startMs, endMs, egressBytes: 7 };
  return sumsOfTask(holding, [interval], segments, [book]).flatMap(({ dimension, segment }) =>
    dimension === 'egress' ? segment.fromMs : [],
  );
}

it.each([
  [0, 50, [0]],
  [50, 100, [0]],
  [50, 101, [100]],
  // Without length, as when an exit is noticed after its interval was cut: as PostgreSQL sums it.
  [100, 100, [100]],
  [0, 0, [0]],
])('bytes of an interval from %i to %i are told once', (startMs, endMs, expected) => {
  expect(placesOf(startMs, endMs)).toEqual(expected);
});
