// Each constraint, preference and command by example. That they also hold together is what search.spec.ts is for.
import { describe, expect, it } from 'vitest';
import { fleet, host, task, whereOf } from '../../../test/support/placement-fleet.js';
import type { HostSpec, PlaceRequest, ShapeSpec } from './types.js';

const none = 'refused: no-host';
const gpus = (n: number) => ({ cpuMillis: 4000, memoryMiB: 8192, gpuMillis: n * 1000 });

/** Places the requests in turn on hosts that are all up. */
function placed(hosts: readonly HostSpec[], ...requests: readonly PlaceRequest[]): string[] {
  const engine = fleet(...hosts);
  return requests.map((request) => whereOf(engine.place(request)));
}

describe('hard constraints', () => {
  const two = [host('a1'), host('b1', { zone: 'b', arch: 'arm64', isolation: 'sandbox', attributes: { rack: 'r1' } })];
  const cases: [string, Partial<ShapeSpec>, string][] = [
    ['zone', { zones: ['b', 'c'] }, 'b1'],
    ['architecture', { arch: 'arm64' }, 'b1'],
    ['isolation tier', { isolation: 'sandbox' }, 'b1'],
    ['attribute in', { attributes: [{ key: 'rack', op: 'in', values: ['r1'] }] }, 'b1'],
    ['attribute not in', { attributes: [{ key: 'rack', op: 'notIn', values: ['r1'] }] }, 'a1'],
    ['attribute exists', { attributes: [{ key: 'rack', op: 'exists' }] }, 'b1'],
    ['attribute absent', { attributes: [{ key: 'rack', op: 'absent' }] }, 'a1'],
    ['a GPU that nobody has', { gpuModels: ['T4'] }, none],
    ['more than any host has', { size: { cpuMillis: 4001, memoryMiB: 16 } }, none],
    ['disk', { size: { cpuMillis: 10, memoryMiB: 16, diskMiB: 10_001 } }, none],
    ['network', { size: { cpuMillis: 10, memoryMiB: 16, networkMbps: 1001 } }, none],
    ['addresses', { size: { cpuMillis: 10, memoryMiB: 16, addressSlots: 21 } }, none],
  ];
  it.each(cases)('%s', (_, shape, expected) => expect(placed(two, task('t', shape))).toEqual([expected]));

  it('takes names from Object’s prototype for what they are: attributes that no host has', () => {
    expect(placed(two, task('t', { attributes: [{ key: 'constructor', op: 'exists' }] }))).toEqual([none]);
  });

  it('publishes a port once a host', () => {
    const web = { hostPorts: [80] };
    expect(placed([host('h1'), host('h2')], task('1', web), task('2', web), task('3', web)).sort()).toEqual(['h1', 'h2', none]);
  });

  it('keeps a group to its limit per host', () => {
    const one = (id: string, group: string) => task(id, { maxPerHost: 1 }, { group });
    expect(placed([host('h1')], one('1', 'g'), one('2', 'g'), one('3', 'other'))).toEqual(['h1', none, 'h1']);
  });

  it('gives a host to one task alone', () => {
    const alone = (id: string) => task(id, { exclusiveHost: true });
    expect(placed([host('h1')], alone('1'), task('2'))).toEqual(['h1', none]);
    expect(placed([host('h1')], task('1'), alone('2'))).toEqual(['h1', none]);
  });

  it('keeps apart both ways, whoever came first', () => {
    const loud = task('loud', { labels: ['noise=loud'] });
    const quiet = task('quiet', { antiAffinity: [{ label: 'noise=loud', scope: 'host' }] });
    expect(placed([host('h1')], loud, quiet)).toEqual(['h1', none]);
    expect(placed([host('h1')], quiet, loud)).toEqual(['h1', none]);
  });

  it('brings together on a host or in a zone', () => {
    const cache = task('cache', { labels: ['app=cache'], zones: ['b'] });
    const near = (scope: 'host' | 'zone') => task(`near-${scope}`, { affinity: [{ label: 'app=cache', scope }] });
    const hosts = [host('a1'), host('b1', { zone: 'b' }), host('b2', { zone: 'b' })];
    const [first, onHost, inZone] = placed(hosts, cache, near('host'), near('zone'));
    expect(onHost).toBe(first);
    expect(inZone?.[0]).toBe('b');
    expect(placed(hosts, near('host'), near('zone'))).toEqual([none, none]);
  });

  it('lets the first of those that seek each other start', () => {
    const seeks = { labels: ['app=x'], affinity: [{ label: 'app=x', scope: 'host' as const }] };
    const [first, second] = placed([host('h1'), host('h2')], task('1', seeks), task('2', seeks));
    expect(second).toBe(first);
  });

  it('goes where the volumes are', () => {
    const hosts = [host('a1'), host('b1', { zone: 'b' })];
    expect(
      placed(
        hosts,
        task('1', {}, { pin: { zone: 'b' } }),
        task('2', {}, { pin: { host: 'a1' } }),
        task('3', {}, { pin: { host: 'gone' } }),
      ),
    ).toEqual(['b1', 'a1', none]);
  });
});

describe('preferences', () => {
  it('packs, unless told to spread', () => {
    const spread = (id: string) => task(id, { spread: true }, { group: 'g' });
    const hosts = [host('h1'), host('h2')];
    expect(new Set(placed(hosts, task('1'), task('2'), task('3'))).size).toBe(1);
    expect(placed(hosts, spread('1'), spread('2'), spread('3'), spread('4')).sort()).toEqual(['h1', 'h1', 'h2', 'h2']);
  });

  it('balances zones', () => {
    const hosts = ['a', 'b', 'c'].flatMap((zone) => [host(`${zone}1`, { zone }), host(`${zone}2`, { zone })]);
    const zones = placed(hosts, ...['1', '2', '3', '4', '5', '6'].map((id) => task(id, { balanceZones: true }, { group: 'g' }))).map(
      (id) => id[0],
    );
    expect(zones.sort()).toEqual(['a', 'a', 'b', 'b', 'c', 'c']);
  });

  it('keeps GPU hosts for those who need them, while there are others', () => {
    const all = { size: { cpuMillis: 4000, memoryMiB: 1024 } };
    expect(placed([host('gpu', { type: 'g', capacity: gpus(1) }), host('plain')], task('1', all), task('2', all))).toEqual([
      'plain',
      'gpu',
    ]);
  });

  it('takes, of hosts that leave equal space, the one with the image', () => {
    const engine = fleet(host('h1'), host('h2'), host('h3'));
    engine.apply({ kind: 'image', host: 'h2', image: 'web', present: true });
    expect(whereOf(engine.place(task('1', { image: 'web' })))).toBe('h2');
  });

  it('puts the short-lived beside each other, so that hosts empty sooner', () => {
    const engine = fleet(host('h1'), host('h2'));
    engine.place(task('service', { lifetime: 3 }, { pin: { host: 'h1' } }));
    engine.place(task('batch', { lifetime: 0 }, { pin: { host: 'h2' } }));
    expect(whereOf(engine.place(task('another', { lifetime: 3 })))).toBe('h1');
    engine.apply({ kind: 'expect', task: 'batch', lifetime: 3 });
    engine.apply({ kind: 'expect', task: 'service', lifetime: 0 });
    engine.apply({ kind: 'expect', task: 'another', lifetime: 0 });
    expect(whereOf(engine.place(task('third', { lifetime: 3 })))).toBe('h2');
  });
});

describe('GPUs', () => {
  it('shares a device, fullest first, and never splits a share over two', () => {
    const engine = fleet(host('g', { capacity: gpus(2) }));
    const share = (id: string, gpuMillis: number) => engine.place(task(id, { size: { cpuMillis: 10, memoryMiB: 16, gpuMillis } }));
    expect([share('1', 600), share('2', 600), share('3', 300)]).toMatchObject([{ devices: [0] }, { devices: [1] }, { devices: [0] }]);
    expect(share('4', 500)).toMatchObject({ placed: false });
    engine.release('2');
    expect(share('5', 1000)).toMatchObject({ devices: [1] });
  });
});

describe('hosts', () => {
  it('loses its tasks with it, and comes back empty', () => {
    const engine = fleet(host('h1'));
    engine.place(task('1'));
    engine.place(task('2'));
    expect(engine.apply({ kind: 'hostDown', host: 'h1' }).tasks).toEqual(['1', '2']);
    expect(whereOf(engine.place(task('3')))).toBe(none);
    engine.apply({ kind: 'hostUp', host: host('h1') });
    expect(whereOf(engine.place(task('1', { size: { cpuMillis: 4000, memoryMiB: 8192 } })))).toBe('h1');
  });

  it('keeps tasks and takes no more while it drains', () => {
    const engine = fleet(host('h1'));
    engine.place(task('1'));
    engine.apply({ kind: 'drain', host: 'h1' });
    expect(whereOf(engine.place(task('2')))).toBe(none);
    engine.apply({ kind: 'undrain', host: 'h1' });
    expect(whereOf(engine.place(task('2')))).toBe('h1');
  });

  it('tells of commands that contradict the state', () => {
    const engine = fleet(host('h1'));
    expect(() => engine.apply({ kind: 'hostUp', host: host('h1') })).toThrow('host h1 is up already');
    expect(() => engine.apply({ kind: 'drain', host: 'h9' })).toThrow('host h9 is not up');
    expect(() => engine.place(task('t', { size: { cpuMillis: 0.5, memoryMiB: 1 } }))).toThrow('cpuMillis must be an integer');
    expect(() => engine.place(task('t', { maxPerHost: 0 }))).toThrow('maxPerHost must be');
    expect(() => engine.place(task('t', { size: { cpuMillis: 1, memoryMiB: 1, gpuMillis: 1500 } }))).toThrow('multiple of 1000');
    engine.place(task('1'));
    expect(whereOf(engine.place(task('1')))).toBe('refused: duplicate');
  });
});
