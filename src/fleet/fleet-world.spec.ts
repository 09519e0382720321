// The fleet's decisions over time, against a world that does what it is told, late and not always: machines come, join,
// have no stock, vanish, are taken back; tasks come and go. Whatever happens, no pool has more than it may, nothing is
// asked for twice, no task is lost to a decision, and when the world is quiet the fleet settles at what it needs.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { large, pool, xlarge } from '../../test/support/fleet-view.js';
import { FleetWorld } from '../../test/support/fleet-world.js';

const settings = fc.record({
  minHosts: fc.integer({ min: 0, max: 2 }),
  idleHosts: fc.integer({ min: 0, max: 2 }),
  maxHosts: fc.integer({ min: 2, max: 6 }),
  onDemandBase: fc.integer({ min: 0, max: 2 }),
  spotPercent: fc.constantFrom(0, 50, 100),
  cooldownSeconds: fc.constantFrom(0, 60, 300),
  emptyBelowPercent: fc.constantFrom(0, 60),
});
const event = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('submit' as const),
      count: fc.integer({ min: 1, max: 6 }),
      cpuMillis: fc.constantFrom(500, 1000, 3000),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('finish' as const), nth: fc.nat(20) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('wait' as const), seconds: fc.constantFrom(1, 30, 400) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('vanish' as const), nth: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('interrupt' as const), nth: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('noStock' as const), seconds: fc.constantFrom(60, 600) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('loseAnswers' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('deaf' as const) }) },
);

describe('a fleet in a world of trouble', () => {
  it('keeps to its bounds, and settles', () => {
    fc.assert(
      fc.property(settings, fc.array(event, { maxLength: 40 }), (bounds, events) => {
        const world = new FleetWorld(
          pool({ instanceTypes: [large, xlarge], ...bounds, idleHosts: Math.min(bounds.idleHosts, bounds.maxHosts) }),
        );
        for (const one of events) {
          world.happen(one);
          world.step();
          expect(world.present).toBeLessThanOrEqual(bounds.maxHosts);
          expect(world.endedWithTasks).toEqual([]);
          expect(world.boughtInVain).toBe(0);
        }
        world.settle();
        expect(world.strays).toEqual([]);
        const atLeast = Math.max(bounds.minHosts, Math.min(bounds.maxHosts, world.busyHosts + bounds.idleHosts));
        if (world.pendingTasks === 0) expect(world.present).toBe(atLeast);
        else expect(world.present).toBe(bounds.maxHosts);
      }),
      { numRuns: Number(process.env.BERTH_FLEET_RUNS ?? 60) },
    );
  }, 120_000);
});
