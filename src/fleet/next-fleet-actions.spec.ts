// The fleet's decisions by example. That they also hold together over time is fleet-world.spec.ts.
import { describe, expect, it } from 'vitest';
import { demand, hostOfMachine, instanceOf, large, machine, nowMs, pool, view, xlarge } from '../../test/support/fleet-view.js';
import { nextFleetActions } from './next-fleet-actions.js';
import type { FleetAction, FleetView, HeldDemand, Shortage } from './types.js';

const strayGraceMs = 600_000;
const next = (fleet: FleetView) => nextFleetActions(fleet, strayGraceMs);
const short = (action: FleetAction): string => {
  if (action.kind === 'request') return `request ${action.instanceType} ${action.zone} ${action.market}`;
  if (action.kind === 'unneeded') return `${action.unneeded ? 'unneeded' : 'needed'} ${action.machineId}`;
  return `${action.kind} ${action.kind === 'terminateStray' ? action.instanceId : action.machineId}`;
};
const words = (fleet: FleetView) => next(fleet).map(short);
const held = (hostId: string, count: number, movable = false): HeldDemand => ({ ...demand(count), hostId, movable });
const ago = (seconds: number) => nowMs - seconds * 1000;

describe('growing', () => {
  it('does nothing while everything fits', () => {
    expect(words(view([machine('m1')], { pending: [demand(2)], held: [] }))).toEqual([]);
  });

  it('takes the least cost for what waits: the small one for little', () => {
    expect(words(view([], { pending: [demand(1)] }))).toEqual(['request m7i.large eu-1a on-demand']);
  });

  it('and the one that fits for what is large', () => {
    expect(words(view([], { pending: [demand(1, { cpuMillis: 3000 })] }))).toEqual(['request m7i.xlarge eu-1a on-demand']);
  });

  it('packs what waits, and spreads machines over zones', () => {
    expect(words(view([], { pending: [demand(6)] }))).toEqual(['request m7i.xlarge eu-1a on-demand', 'request m7i.large eu-1b on-demand']);
    expect(words(view([], { pools: [pool({ instanceTypes: [large] })], pending: [demand(6)] }))).toEqual([
      'request m7i.large eu-1a on-demand',
      'request m7i.large eu-1b on-demand',
      'request m7i.large eu-1c on-demand',
    ]);
  });

  it('counts machines on their way: they are not asked for twice', () => {
    const coming = machine('m1', { state: 'launched', hostId: null, launchedAtMs: ago(30) });
    expect(words(view([coming], { pending: [demand(2)] }))).toEqual([]);
    expect(words(view([coming], { pending: [demand(3)] }))).toEqual(['request m7i.large eu-1b on-demand']);
  });

  it('counts the room of hosts that are in no pool', () => {
    const own = hostOfMachine(machine('own'));
    expect(words(view([], { hosts: [own], pending: [demand(2)] }))).toEqual([]);
  });

  it('buys nothing for what would fit on none of its types', () => {
    expect(words(view([], { pending: [demand(1, { cpuMillis: 5000 }), demand(1, {}, { pin: { host: 'elsewhere' } })] }))).toEqual([]);
  });

  it('goes where a volume is', () => {
    expect(words(view([], { pending: [demand(1, {}, { pin: { zone: 'eu-1c' } })] }))).toEqual(['request m7i.large eu-1c on-demand']);
  });

  it('stops at the most that the pool may have', () => {
    const pools = [pool({ maxHosts: 2 })];
    expect(words(view([machine('m1', { state: 'ending' })], { pools, pending: [demand(50)] }))).toEqual([
      'request m7i.xlarge eu-1b on-demand',
    ]);
  });

  it('believes hosts that say they are smaller than declared', () => {
    const small = machine('m1');
    const host = hostOfMachine(small);
    const hosts = [{ ...host, spec: { ...host.spec, capacity: { ...host.spec.capacity, cpuMillis: 1900 } } }];
    const fleet = view([small], { hosts, pools: [pool({ instanceTypes: [large] })], pending: [demand(1, { cpuMillis: 1950 })] });
    expect(words(fleet).filter((action) => action.startsWith('request'))).toEqual([]);
  });

  it('keeps the least, and the idle ones on top of what works', () => {
    expect(words(view([], { pools: [pool({ minHosts: 2 })] }))).toEqual([
      'request m7i.large eu-1a on-demand',
      'request m7i.large eu-1b on-demand',
    ]);
    const pools = [pool({ idleHosts: 1 })];
    expect(words(view([machine('m1')], { pools, held: [held('h-m1', 1)] }))).toEqual(['request m7i.large eu-1b on-demand']);
    expect(words(view([machine('m1')], { pools }))).toEqual([]);
  });

  it('takes back what drains before it buys', () => {
    const fleet = view([machine('m1', { state: 'draining' })], { held: [held('h-m1', 1)], pending: [demand(1)] });
    expect(words(fleet)).toEqual(['keep m1']);
  });

  it('but not what EC2 takes', () => {
    const fleet = view([machine('m1', { state: 'draining', drainFinal: true })], { held: [held('h-m1', 1)], pending: [demand(1)] });
    expect(words(fleet)).toEqual(['request m7i.large eu-1b on-demand']);
  });

  it('chooses the cheaper of two pools', () => {
    const dear = pool({ instanceTypes: [{ ...large, onDemandPrice: '0.11' }] }, 'p1');
    const cheap = pool({ instanceTypes: [{ ...large, onDemandPrice: '0.09' }] }, 'p2');
    expect(next(view([], { pools: [dear, cheap], pending: [demand(1)] }))).toMatchObject([{ kind: 'request', poolId: 'p2' }]);
  });
});

describe('spot and stock', () => {
  const mixed = [pool({ instanceTypes: [large], onDemandBase: 1, spotPercent: 50 })];
  const out = (market: 'spot' | 'on-demand', zones: string[], untilMs = nowMs + 1): Shortage[] =>
    [large, xlarge].flatMap(({ name }) => zones.map((zone) => ({ instanceType: name, zone, market, untilMs })));

  it('buys the base on demand, then its share on the spot market', () => {
    const bought = words(view([], { pools: mixed, pending: [demand(10)] }));
    expect(bought.map((action) => action.split(' ').at(-1))).toEqual(['on-demand', 'on-demand', 'spot', 'on-demand', 'spot']);
  });

  it('skips what EC2 is out of, for as long as it is', () => {
    const pending = [demand(1)];
    expect(words(view([], { pending, shortages: out('on-demand', ['eu-1a', 'eu-1b']) }))).toEqual(['request m7i.large eu-1c on-demand']);
    expect(words(view([], { pending, shortages: out('on-demand', ['eu-1a', 'eu-1b', 'eu-1c']) }))).toEqual([]);
    expect(words(view([], { pending, shortages: out('on-demand', ['eu-1a'], nowMs) }))).toEqual(['request m7i.large eu-1a on-demand']);
  });

  it('buys on demand while there is nothing on the spot market', () => {
    const pools = [pool({ spotPercent: 100 })];
    const shortages = out('spot', ['eu-1a', 'eu-1b', 'eu-1c']);
    expect(words(view([], { pools, shortages, pending: [demand(1)] }))).toEqual(['request m7i.large eu-1a on-demand']);
  });
});

describe('shrinking', () => {
  const since = (seconds: number) => ({ unneededSinceMs: ago(seconds) });

  it('waits for the cooldown, and begins to count it', () => {
    expect(words(view([machine('m1')]))).toEqual(['unneeded m1']);
    expect(words(view([machine('m1', since(299))]))).toEqual([]);
    expect(words(view([machine('m1', since(300))]))).toEqual(['drain m1']);
  });

  it('counts anew when the machine was needed in between, or the pool grew', () => {
    expect(words(view([machine('m1', since(1000))], { held: [held('h-m1', 1)] }))).toEqual(['needed m1']);
    const grew = machine('m2', { requestedAtMs: ago(100) });
    expect(words(view([machine('m1', since(1000)), grew], { held: [held('h-m2', 1)] }))).toEqual([]);
  });

  it('never goes below the least, nor below what is kept idle', () => {
    const machines = ['m1', 'm2', 'm3'].map((id) => machine(id, since(1000)));
    expect(words(view(machines, { pools: [pool({ minHosts: 2 })] })).filter((action) => action.startsWith('drain'))).toEqual(['drain m1']);
    expect(words(view(machines, { pools: [pool({ idleHosts: 2 })] })).filter((action) => action.startsWith('drain'))).toEqual(['drain m1']);
  });

  it('lets nothing go that what waits will use', () => {
    expect(words(view([machine('m1', since(1000))], { pending: [demand(1)] }))).toEqual(['needed m1']);
  });

  it('keeps what volumes live on', () => {
    const hosts = [hostOfMachine(machine('m1'), { hasVolumes: true })];
    expect(words(view([machine('m1')], { hosts }))).toEqual([]);
    expect(words(view([machine('m1')], { hosts, pools: [pool({ maxHosts: 0 })] }))).toEqual([]);
  });

  it('empties a host whose tasks fit on others, if they may be moved', () => {
    const machines = [machine('m1', since(1000)), machine('m2')];
    const pools = [pool({ emptyBelowPercent: 60 })];
    const fleet = (movable: boolean) => view(machines, { pools, held: [held('h-m1', 1, movable), held('h-m2', 1)] });
    expect(words(fleet(true))).toEqual(['drain m1']);
    expect(words(fleet(false))).toEqual(['needed m1']);
    expect(words({ ...fleet(true), pools: [pool({ emptyBelowPercent: 40 })] })).toEqual(['needed m1']);
  });

  it('drains whatever is beyond the most, those with the fewest tasks first', () => {
    const fleet = view([machine('m1'), machine('m2')], { pools: [pool({ maxHosts: 1 })], held: [held('h-m1', 2), held('h-m2', 1)] });
    expect(next(fleet)).toEqual([{ kind: 'drain', machineId: 'm2', reason: 'its pool may have 1 machines', final: true, hurry: false }]);
  });

  it('ends what others have drained', () => {
    const one = machine('m1', since(1000));
    const hosts = [hostOfMachine(one, { open: false, drained: true })];
    expect(words(view([one], { hosts }))).toEqual(['drain m1']);
    expect(words(view([one], { hosts, held: [held('h-m1', 1)] }))).toEqual(['needed m1']);
  });
});

describe('a machine’s life', () => {
  const requested = (seconds: number) =>
    machine('m1', { state: 'requested', instanceId: null, hostId: null, launchedAtMs: null, requestedAtMs: ago(seconds) });
  const launched = (seconds: number) => machine('m1', { state: 'launched', hostId: null, launchedAtMs: ago(seconds) });
  const gone = { instances: [] };
  const interrupted = (one: ReturnType<typeof machine>) => ({ instances: [instanceOf(one, { interrupted: true })] });

  it.each<[string, FleetView, string[]]>([
    ['is asked for again while no answer is known', view([requested(5)], gone), ['launch m1']],
    ['is found by its tag', view([requested(5)], { instances: [instanceOf(requested(5))] }), ['adopt m1']],
    ['is given up when EC2 does not start it', view([requested(600)], gone), ['ended m1']],
    ['may be missing from EC2’s lists at first', view([launched(119)], gone), []],
    ['is over when it is missing later', view([launched(120)], gone), ['ended m1']],
    ['waits for its agent', view([launched(599)]), []],
    ['is ended without an agent in time', view([launched(600)]), ['end m1']],
    ['becomes a host', view([{ ...launched(60), hostId: 'h-m1' }], { hosts: [hostOfMachine(machine('m1'))] }), ['join m1']],
    [
      'is no host before its agent has connected',
      view([{ ...launched(600), hostId: 'h-m1' }], { hosts: [hostOfMachine(machine('m1'), { seen: false, open: false })] }),
      ['end m1'],
    ],
    [
      'is ended when its agent is lost',
      view([machine('m1')], { hosts: [hostOfMachine(machine('m1'), { lost: true, open: false })] }),
      ['end m1'],
    ],
    [
      'is ended when EC2 has stopped it',
      view([machine('m1')], { instances: [instanceOf(machine('m1'), { state: 'stopped' })] }),
      ['end m1'],
    ],
    [
      'is over when EC2 has ended it',
      view([machine('m1')], { instances: [instanceOf(machine('m1'), { state: 'terminated' })] }),
      ['ended m1'],
    ],
    ['drains when EC2 takes it back', view([machine('m1')], interrupted(machine('m1'))), ['drain m1']],
    [
      'drains when its agent says so first, also if it was leaving for another reason',
      view([machine('m1'), machine('m2', { state: 'draining' })], {
        hosts: [hostOfMachine(machine('m1'), { interrupted: true }), hostOfMachine(machine('m2'), { interrupted: true, open: false })],
        held: [held('h-m2', 1)],
      }),
      ['drain m1', 'drain m2'],
    ],
    ['ends when it is drained', view([machine('m1', { state: 'draining' })]), ['end m1']],
    ['drains on while it has tasks', view([machine('m1', { state: 'draining' })], { held: [held('h-m1', 1)] }), []],
    ['is told once that it ends', view([machine('m1', { state: 'ending', endingSinceMs: ago(59) })]), []],
    ['and again if it goes on', view([machine('m1', { state: 'ending', endingSinceMs: ago(60) })]), ['terminate m1']],
    [
      'but not while it is under way',
      view([machine('m1', { state: 'ending', endingSinceMs: ago(99) })], {
        instances: [instanceOf(machine('m1'), { state: 'shutting-down' })],
      }),
      [],
    ],
  ])('%s', (_, fleet, expected) => expect(words(fleet)).toEqual(expected));

  it('makes up at once for what EC2 takes back', () => {
    const one = machine('m1');
    const fleet = view([one], { ...interrupted(one), pools: [pool({ minHosts: 1 })] });
    expect(words(fleet)).toEqual(['drain m1', 'request m7i.large eu-1b on-demand']);
  });
});

describe('strays', () => {
  const stray = (more = {}) => ({
    id: 'i-stray',
    machineId: 'unknown',
    state: 'running' as const,
    launchedAtMs: ago(600),
    interrupted: false,
    ...more,
  });

  it('are ended when they are old enough', () => {
    expect(words(view([], { instances: [stray()] }))).toEqual(['terminateStray i-stray']);
    expect(words(view([], { instances: [stray({ machineId: null })] }))).toEqual(['terminateStray i-stray']);
    expect(words(view([], { instances: [stray({ launchedAtMs: ago(599) })] }))).toEqual([]);
    expect(words(view([], { instances: [stray({ state: 'terminated' })] }))).toEqual([]);
  });

  it('are not what has yet to be found by its tag', () => {
    const requested = machine('m1', { state: 'requested', instanceId: null, hostId: null });
    expect(words(view([requested], { instances: [instanceOf(requested)] }))).toEqual(['adopt m1']);
  });
});
