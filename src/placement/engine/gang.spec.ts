// Gangs, capacity groups and evictions: where one task's place depends on other tasks.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { budgets, Churn, operations, patienceMs, stepArb } from '../../../test/support/placement-churn.js';
import { fleet, host, task, whereOf } from '../../../test/support/placement-fleet.js';
import { at, type Column, dimensions } from './columns.js';
import { Engine } from './engine.js';
import { miss } from './miss.js';
import { bestHost } from './oracle.js';
import { cheapestEviction } from './preempt.js';
import type { Shape } from './shape.js';
import { budgetOf, evictionsLeft } from './victims.js';
import type { World } from './world.js';

const size = (cpuMillis: number) => ({ cpuMillis, memoryMiB: 1024 });
const many = (prefix: string, count: number, ...more: [Parameters<typeof task>[1]?, Parameters<typeof task>[2]?]) =>
  Array.from({ length: count }, (_, i) => task(`${prefix}${i}`, ...more));

describe('a gang', () => {
  it('is placed whole or not at all', () => {
    const engine = fleet(host('h1'));
    expect(engine.placeGang(many('x', 5), 5).map(whereOf)).toEqual([...Array<string>(4).fill('refused: gang'), 'refused: no-host']);
    expect(engine.placeGang(many('y', 4), 4).map(whereOf)).toEqual(Array<string>(4).fill('h1'));
  });

  it('makes do with its minimum', () => {
    const engine = fleet(host('h1'));
    expect(engine.placeGang(many('x', 6), 4).map(whereOf)).toEqual([
      ...Array<string>(4).fill('h1'),
      'refused: no-host',
      'refused: no-host',
    ]);
  });
});

describe('simulate', () => {
  it('answers for hosts that do not exist yet, and leaves nothing behind', () => {
    const engine = fleet(host('h1'));
    const asked = engine.simulate([
      { kind: 'hostUp', host: host('virtual') },
      ...many('x', 6).map((request) => ({ kind: 'place' as const, request })),
    ]);
    expect(asked.slice(1).flatMap(({ placements }) => placements.map(whereOf))).toEqual(expect.arrayContaining(['h1', 'virtual']));
    expect(engine.world.hosts.count).toBe(1);
    expect(engine.placeGang(many('x', 5), 5).every((placement) => !placement.placed)).toBe(true);
  });
});

describe('capacity groups', () => {
  const guaranteed = { tier: 'guaranteed' as const, capacityGroup: 'team', size: size(1000) };

  it('keeps what is reserved from flex, lends it to spot, and takes it back', () => {
    const engine = fleet(host('h1'));
    engine.apply({ kind: 'reserve', group: 'team', size: { cpuMillis: 3000, memoryMiB: 3072 } });
    expect(many('flex', 2).map((request) => whereOf(engine.place(request)))).toEqual(['h1', 'refused: reserved-for-others']);
    expect(many('spot', 3, { tier: 'spot' }).map((request) => whereOf(engine.place(request)))).toEqual(['h1', 'h1', 'h1']);
    expect(engine.place(task('mine', guaranteed, { preempt: true }))).toMatchObject({ placed: true, victims: ['spot2'] });
  });

  it('admits no more than is reserved', () => {
    const engine = fleet(host('h1'));
    engine.apply({ kind: 'reserve', group: 'team', size: size(1000) });
    expect(many('t', 2, guaranteed).map((request) => whereOf(engine.place(request)))).toEqual(['h1', 'refused: reservation']);
    engine.release('t0');
    expect(whereOf(engine.place(task('t2', guaranteed)))).toBe('h1');
  });
});

describe('eviction', () => {
  const spot = { tier: 'spot' as const };
  const full = (hosts: string[], perHost: number, cpuMillis: number) => {
    const engine = fleet(...hosts.map((id) => host(id)));
    for (const id of hosts)
      for (const request of many(id, perHost, { ...spot, size: size(cpuMillis) }, { group: id, pin: { host: id } })) engine.place(request);
    return engine;
  };
  const wanted = (cpuMillis: number) => task('new', { size: size(cpuMillis) }, { preempt: true });

  it('takes the fewest', () => {
    const engine = full(['h1'], 4, 1000);
    for (const request of many('big', 2, { ...spot, size: size(2000) }, { pin: { host: 'h2' } })) {
      if (engine.world.hosts.handle('h2') < 0) engine.apply({ kind: 'hostUp', host: host('h2') });
      engine.place(request);
    }
    expect(engine.place(wanted(2000))).toMatchObject({ host: 'h2', victims: ['big1'] });
  });

  it('keeps to disruption budgets, and counts them down', () => {
    const engine = full(['h1', 'h2'], 4, 1000);
    engine.apply({ kind: 'budget', group: 'h2', evictions: 1 });
    engine.apply({ kind: 'budget', group: 'h1', evictions: 0 });
    expect(engine.place(wanted(1000))).toMatchObject({ host: 'h2', victims: ['h23'] });
    expect(whereOf(engine.place(task('another', {}, { preempt: true })))).toBe('refused: no-host');
  });

  it('keeps to the budget that the shape names, whatever its group, and takes nobody whose budget it was not told', () => {
    const engine = fleet(host('h1'));
    const budgeted = { ...spot, size: size(1000), budget: 'b' };
    for (const request of many('s', 4, budgeted, { group: 'other' })) engine.place(request);
    const next = (name: string) => whereOf(engine.place({ ...wanted(1000), task: name }));
    expect(next('one')).toBe('refused: no-host');
    engine.apply({ kind: 'budget', group: 'b', evictions: 1 });
    expect(engine.place(wanted(1000))).toMatchObject({ host: 'h1', victims: ['s3'] });
    expect(next('two')).toBe('refused: no-host');
  });

  it('spares equals and betters', () => {
    const engine = fleet(host('h1'));
    for (const request of many('flex', 4)) engine.place(request);
    expect(whereOf(engine.place(wanted(1000)))).toBe('refused: no-host');
  });

  it(
    'finds room whenever one or two victims make it, and never takes more than it must',
    () => {
      const step = fc.array(stepArb, { minLength: 60, maxLength: 120, size: 'max' });
      fc.assert(
        fc.property(step, (steps) => {
          const engine = new Engine();
          const churn = new Churn(6);
          for (const one of steps) {
            const command = churn.command(one);
            if (command.kind === 'place') compareWithAll(engine.world, engine.world.shapes.of(command.request.shape));
            churn.note(command, engine.apply(command));
            for (const budget of budgets) expect(engine.world.groups.known(budget)?.evictions ?? 0).toBeGreaterThanOrEqual(0);
          }
        }),
        { numRuns: Math.ceil(operations / 3 / 90) },
      );
    },
    patienceMs,
  );
});

/** Tries every victim and pair of victims on every host. */
function compareWithAll(world: World, shape: Shape): void {
  if (shape.spec.exclusiveHost || bestHost(world, shape, undefined, undefined) >= 0) return;
  const found = cheapestEviction(world, shape, undefined, undefined);
  const counts = [...world.hosts.specs.keys()].map((row) => fewest(world, shape, row)).filter((count) => count > 0);
  const least = Math.min(...counts);
  if (least <= 2) expect(found?.victims.length).toBe(least);
  else if (found) expect(found.victims.length).toBeGreaterThan(2);
}

/** 1 or 2 victims, or 0 if that many don't do. */
function fewest(world: World, shape: Shape, row: number): number {
  const lack = miss(world, shape, undefined, undefined, row);
  const resources = ['cpu', 'memory', 'disk', 'network', 'gpu', 'addresses'];
  if (lack === null || !resources.includes(lack)) return 0;
  const { tasks, hosts } = world;
  const shapeOf = (victim: number) => tasks.shapes[victim] as Shape;
  const budget = (victims: number[]) =>
    victims.every((v) => victims.filter((w) => budgetOf(world, w) === budgetOf(world, v)).length <= evictionsLeft(world, v));
  const options = tasks.on(hosts, row).filter((victim) => shapeOf(victim).evictable && shapeOf(victim).tier < shape.tier);
  const enough = (victims: number[]) => {
    if (!budget(victims)) return false;
    const rooms = dimensions.map((_, d) =>
      victims.reduce((sum, victim) => sum + at(shapeOf(victim).need, d), at(hosts.free[d] as Column, row)),
    );
    const gpu = victims.map((victim) => [at(shapeOf(victim).need, 4), at(tasks.devices, victim)] as const);
    return (
      rooms.every((room, d) => room >= at(shape.need, d)) &&
      (at(shape.need, 4) === 0 || world.devices.fitsWithout(row, at(shape.need, 4), gpu))
    );
  };
  if (options.some((one) => enough([one]))) return 1;
  return options.some((one, i) => options.slice(i + 1).some((other) => enough([one, other]))) ? 2 : 0;
}
