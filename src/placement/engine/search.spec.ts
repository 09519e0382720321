// The grid against the exhaustive scan, over random churn with removals, drains, evictions, gangs and mixed constraints.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Churn, operations, patienceMs, type Step, stepArb } from '../../../test/support/placement-churn.js';
import { Engine } from './engine.js';
import { bestHost } from './oracle.js';
import { scoreOf, scoreTerms } from './score.js';
import type { PlaceRequest } from './types.js';

const exact = scoreTerms.length;
/** Of the terms before “space left over” none may ever differ. */
const beforeSpace = scoreTerms.indexOf('space left over');

/** Asks both for a host and compares their answers to `terms` terms of the score. */
function compare(engine: Engine, request: PlaceRequest, terms: number): void {
  const { world } = engine;
  const shape = world.shapes.of(request.shape);
  const group = request.group === undefined ? undefined : world.groups.known(request.group);
  const expected = bestHost(world, shape, group, request.pin);
  const found = engine.search.find(shape, group, request.pin);
  expect(found >= 0, 'whether there is a host').toBe(expected >= 0);
  if (found < 0) return;
  expect(scoreOf(world, shape, group, found).slice(0, terms)).toEqual(scoreOf(world, shape, group, expected).slice(0, terms));
}

function run(steps: readonly Step[], maxHosts: number, terms: number): void {
  const engine = new Engine();
  const churn = new Churn(maxHosts);
  for (const step of steps) {
    const command = churn.command(step);
    if (command.kind === 'place') compare(engine, command.request, terms);
    churn.note(command, engine.apply(command));
  }
}

const stepsArb = (length: number) => fc.array(stepArb, { minLength: length / 2, maxLength: length, size: 'max' });

describe('search', () => {
  it(
    'finds what the scan finds, when no cell holds more hosts than are probed',
    () => {
      fc.assert(
        fc.property(stepsArb(200), (steps) => run(steps, 8, exact)),
        { numRuns: Math.ceil(operations / 2 / 150) },
      );
    },
    patienceMs,
  );

  it(
    'agrees on everything but the space left over, however many hosts share a cell',
    () => {
      fc.assert(
        fc.property(stepsArb(1200), (steps) => run(steps, 60, beforeSpace)),
        { numRuns: Math.ceil(operations / 2 / 900) },
      );
    },
    patienceMs,
  );
});
