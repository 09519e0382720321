// Simulations leave no trace, logs replay bit by bit, and counters stay the sums of what they count.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Churn, operations, patienceMs, type Step, stepArb } from '../../../test/support/placement-churn.js';
import { at, type Column, dimensions } from './columns.js';
import { Engine } from './engine.js';
import type { Command, Outcome } from './types.js';

const steps = (length: number) => fc.array(stepArb, { minLength: length / 2, maxLength: length, size: 'max' });

/** Commands as they would come after the present state, without carrying any out for good. */
function whatIf(engine: Engine, churn: Churn, trial: readonly Step[]): void {
  const branch = churn.branch();
  engine.attempt(() => {
    for (const step of trial) {
      const command = branch.command(step);
      branch.note(command, engine.apply(command));
    }
    return false;
  });
}

function play(all: readonly Step[], trial: readonly Step[], every: number): { log: Command[]; outcomes: Outcome[]; engine: Engine } {
  const engine = new Engine();
  const churn = new Churn(20);
  const log: Command[] = [];
  const outcomes = all.map((step, i) => {
    if (i % every === 0) whatIf(engine, churn, trial);
    const command = churn.command(step);
    const outcome = engine.apply(command);
    churn.note(command, outcome);
    log.push(command);
    return outcome;
  });
  return { log, outcomes, engine };
}

/** Every counter again, from the tasks alone. */
function audit(engine: Engine): void {
  const { hosts, tasks } = engine.world;
  for (const [host, spec] of hosts.specs.entries()) {
    if (!spec) continue;
    const here = tasks.on(hosts, host);
    expect(at(hosts.tasks, host)).toBe(here.length);
    expect(at(hosts.evictable, host)).toBe(here.filter((task) => tasks.shapes[task]?.evictable).length);
    for (const d of dimensions.keys()) {
      const sum = (list: number[]) => list.reduce((total, task) => total + (tasks.shapes[task]?.need[d] ?? 0), 0);
      const capacity = at(hosts.capacity[d] as Column, host);
      expect(at(hosts.free[d] as Column, host)).toBe(capacity - sum(here));
      expect(at(hosts.free[d] as Column, host)).toBeGreaterThanOrEqual(0);
      expect(at(hosts.reach[d] as Column, host)).toBe(capacity - sum(here.filter((task) => !tasks.shapes[task]?.evictable)));
    }
  }
}

describe('the undo log', () => {
  it(
    'takes simulations back so well that a replay without them decides the same',
    () => {
      fc.assert(
        fc.property(steps(300), steps(30), (all, trial) => {
          const first = play(all, trial, 10);
          const replay = new Engine();
          expect(first.log.map((command) => replay.apply(command))).toEqual(first.outcomes);
        }),
        { numRuns: Math.ceil(operations / 3 / 900) },
      );
    },
    patienceMs,
  );

  it(
    'keeps counters true',
    () => {
      fc.assert(
        fc.property(steps(300), steps(30), (all, trial) => audit(play(all, trial, 50).engine)),
        { numRuns: Math.ceil(operations / 3 / 350) },
      );
    },
    patienceMs,
  );
});

describe('a trial inside a trial', () => {
  it('is taken back alone', () => {
    const engine = new Engine();
    const size = { cpuMillis: 1000, memoryMiB: 1024 };
    engine.apply({
      kind: 'hostUp',
      host: { id: 'h', zone: 'a', type: 't', isolation: 'container', arch: 'amd64', capacity: size, attributes: {} },
    });
    const place = (task: string) => engine.place({ task, shape: { size, tier: 'flex' } });
    engine.attempt(() => {
      engine.attempt(() => {
        expect(place('inner')).toMatchObject({ placed: true });
        return false;
      });
      expect(place('outer')).toMatchObject({ placed: true, host: 'h' });
      return true;
    });
    expect(place('later')).toMatchObject({ placed: false, reason: 'no-host' });
    expect([engine.release('inner'), engine.release('outer')]).toEqual([false, true]);
  });
});
