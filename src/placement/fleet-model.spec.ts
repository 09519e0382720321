// What the scheduler's model makes of rows: choices, words, gangs, evictions, and that rows may come twice.
import type { HostId, TaskId } from '@berth/contract';
import { describe, expect, it } from 'vitest';
import { changes, hostRow as host, modelOf, placeAll, running, taskRow as task, whyPending } from '../../test/support/fleet-model.js';
import type { Needs } from './fleet.js';
import { HostImages } from './host-images.js';
import { etaMs, simulate } from './simulate.js';

const small = { cpuMillis: 1000, memoryMiB: 1024 };
const sized = (id: string, cpuMillis: number, memoryMiB: number, needs: Needs = {}) => task(id, needs, { cpuMillis, memoryMiB });

describe('the model places', () => {
  it.each([
    ['the tightest remainder', [host('a'), host('b', small)], 'b'],
    ['an active host', [host('a', { ...small, state: 'unreachable' }), host('b')], 'b'],
    ['a host with a free slot', [host('a', { ...small, taskSlots: 0 }), host('b')], 'b'],
    ['a host whose disk has room', [host('a', { ...small, diskPressure: 'only 3 MiB left' }), host('b')], 'b'],
  ] as const)('on %s', (_, hosts, expected) => {
    expect(placeAll(modelOf(hosts, [sized('t', 250, 128)]))).toEqual([`t@${expected}`]);
  });

  it('beside others before on an empty host', () => {
    const model = modelOf([host('a', small), host('b')], [running('r', 'b'), task('t')]);
    expect(placeAll(model)).toEqual(['t@b']);
  });

  it('by all the rules of a task', () => {
    const hosts = [
      host('a', { attributes: { zone: 'z1', arch: 'x64', rack: 'r1', gpus: '2', gpuModel: 'T4' } }),
      host('b', { attributes: { zone: 'z2', arch: 'arm64', rack: 'r2', isolation: 'container,sandbox' } }),
    ];
    const where = (needs: Needs) => placeAll(modelOf(hosts, [task('t', needs)]))[0] ?? 'nowhere';
    expect(where({ placement: { zones: ['z2'] } })).toBe('t@b');
    expect(where({ placement: { architecture: 'amd64' } })).toBe('t@a');
    expect(where({ placement: { attributes: [{ key: 'rack', operator: 'notIn', values: ['r1'] }] } })).toBe('t@b');
    expect(
      where({
        placement: {
          attributes: [
            { key: 'rack', operator: 'exists' },
            { key: 'rack', operator: 'in', values: ['r1'] },
          ],
        },
      }),
    ).toBe('t@a');
    expect(where({ placement: { attributes: [{ key: 'rack', operator: 'absent' }] } })).toBe('nowhere');
    expect(where({ isolation: 'sandbox' })).toBe('t@b');
    expect(where({ gpus: { count: 2, models: ['T4'] } })).toBe('t@a');
    expect(where({ gpus: { count: 3 } })).toBe('nowhere');
  });

  it('one of a group on a host, and counts what is there', () => {
    const unique: Needs = { placement: { uniqueHost: true }, family: 'web' };
    const model = modelOf([host('a'), host('b')], [running('r', 'a', unique), task('t', unique), task('u', unique)]);
    expect(placeAll(model)).toEqual(['t@b']);
    expect(whyPending(model, 'u')).toBe('1 of the group on 2 hosts, which is the most that is allowed');
  });

  it('away from tasks whose tag a rule names, also those that were there before it, but no other tenant’s', () => {
    const away: Needs = { placement: { antiAffinity: [{ tag: { key: 'app', value: 'db' } }] } };
    const db = (id: string, on: string, tenantId = 'tenant') => running(id, on, {}, { tags: { app: 'db' }, tenantId });
    expect(placeAll(modelOf([host('a'), host('b')], [db('r', 'a'), db('s', 'b', 'stranger'), task('t', away)]))).toEqual(['t@b']);
    const model = modelOf([host('a')], [db('r', 'a')]);
    model.apply(changes({ tasks: [task('t', away)] }), 0);
    expect(placeAll(model)).toEqual([]);
    expect(whyPending(model, 't')).toBe('1 host with tasks to keep away from');
  });

  it('a port of a host to one task there', () => {
    const port: Needs = { hostPorts: ['tcp/80'] };
    const model = modelOf([host('a')], [task('1', port), task('2', port), task('3', { hostPorts: ['udp/80'] })]);
    expect(placeAll(model)).toEqual(['1@a', '3@a']);
    expect(whyPending(model, '2')).toBe('another task has tcp/80 on 1 host');
  });
});

describe('the words of a task that waits', () => {
  const why = (hosts: Parameters<typeof modelOf>[0], cpuMillis: number, memoryMiB: number) => {
    const model = modelOf(hosts, [sized('t', cpuMillis, memoryMiB)]);
    expect(placeAll(model)).toEqual([]);
    return whyPending(model, 't');
  };
  it.each([
    ['no hosts', [], 1, 1, 'there are no hosts'],
    ['hosts that are away', [host('a', { state: 'unreachable' })], 1, 1, '1 host not active: unreachable, lost, cordoned or draining'],
    ['more than any host has', [host('a')], 8000, 64, 'needs 8000m CPU; the largest host has 4000m CPU in all'],
    ['no slot', [host('a', { taskSlots: 0 })], 1, 1, 'every task slot is taken on 1 host'],
  ] as const)('%s', (_, hosts, cpu, memory, words) => {
    expect(why(hosts, cpu, memory)).toBe(words);
  });

  it('name the nearest miss', () => {
    const model = modelOf([host('a'), host('b', small)], [running('r', 'a', {}, { cpuMillis: 3500 }), sized('t', 2000, 64)]);
    expect(placeAll(model)).toEqual([]);
    expect(whyPending(model, 't')).toBe('needs 2000m CPU; the largest free is 1000m CPU on 1 host');
  });
});

describe('rows of the database', () => {
  it('may come twice', () => {
    const rows = [running('r', 'a'), task('t')];
    const model = modelOf([host('a')], rows);
    model.apply(changes({ hosts: [host('a')], tasks: rows }), 0);
    expect(placeAll(model)).toEqual(['t@a']);
    expect(model.engine.world.hosts.free[0]?.[0]).toBe(3800);
  });

  it('give back what an ended, a smaller or a moved task held', () => {
    const free = (id: string) => model.engine.world.hosts.free[0]?.[model.engine.world.hosts.handle(id)];
    const model = modelOf([host('a'), host('b')], [running('r', 'a'), running('s', 'a'), running('m', 'a')]);
    model.apply(
      changes({ tasks: [running('r', 'a', {}, { state: 'stopped' }), running('s', 'a', {}, { cpuMillis: 50 }), running('m', 'b')] }),
      0,
    );
    expect([free('a'), free('b')]).toEqual([3950, 3900]);
  });

  it('keep what runs on a host that becomes smaller than that, or is another size', () => {
    const model = modelOf([host('a')], [running('r', 'a', {}, { cpuMillis: 3000 })]);
    model.apply(changes({ hosts: [host('a', { cpuMillis: 2000 })], tasks: [task('t')] }), 0);
    expect(placeAll(model)).toEqual([]);
    model.apply(changes({ hosts: [host('a', { cpuMillis: 8000 })] }), 0);
    expect(placeAll(model)).toEqual(['t@a']);
  });

  it('take a host away with its tasks', () => {
    const model = modelOf([host('a')], [running('r', 'a')]);
    model.apply(changes({ hosts: [host('a', { state: 'lost' })], tasks: [running('r', 'a', {}, { state: 'stopped' }), task('t')] }), 0);
    expect([placeAll(model), whyPending(model, 't')]).toEqual([[], 'there are no hosts']);
  });

  it('drop a task that is not wanted any more', () => {
    const model = modelOf([host('a')], [task('t'), task('u')]);
    model.apply(changes({ tasks: [task('t', {}, { state: 'stopped' })] }), 0);
    expect(placeAll(model)).toEqual(['u@a']);
  });
});

describe('decisions that the database refuses', () => {
  it('give the room back, and are made anew when the rows come again', () => {
    const model = modelOf([host('a', { cpuMillis: 100 })], [task('t')]);
    const { placed } = model.plan(10);
    expect(model.settle(placed, new Set(), 0)).toEqual({ tasks: ['t'], hosts: ['a'] });
    model.apply(changes({ tasks: [task('t')] }), 0);
    expect(placeAll(model)).toEqual(['t@a']);
  });
});

describe('gangs', () => {
  const gang = (ids: string[], min: number) => ids.map((id) => task(id, {}, { cpuMillis: 2000, gang: { id: 'g', min } }));

  it('are placed together or not at all', () => {
    const model = modelOf([host('a')], gang(['1', '2', '3'], 3));
    expect(placeAll(model)).toEqual([]);
    expect(whyPending(model, '1')).toBe('there is not room for all 3 tasks of its gang at once');
    model.apply(changes({ hosts: [host('b')] }), 0);
    expect(placeAll(model)).toHaveLength(3);
  });

  it('begin with their least number; the others follow one by one', () => {
    const model = modelOf([host('a')], gang(['1', '2', '3'], 2));
    expect(placeAll(model)).toEqual(['1@a', '2@a']);
    model.apply(changes({ tasks: [running('1', 'a', {}, { state: 'stopped' })] }), 0);
    expect(placeAll(model)).toEqual(['3@a']);
  });

  it('are what is left of them when one is stopped', () => {
    const model = modelOf([host('a')], gang(['1', '2', '3'], 3));
    expect(placeAll(model)).toEqual([]);
    model.apply(changes({ tasks: [task('2', {}, { state: 'stopped' })] }), 0);
    expect(placeAll(model)).toEqual(['1@a', '3@a']);
  });
});

describe('spot tasks', () => {
  const spot = (id: string, on: string) => running(id, on, { capacityTier: 'spot' }, { cpuMillis: 3000 });
  const needy = sized('t', 2000, 64);

  it('leave for others, who wait for that and get the place', () => {
    const model = modelOf([host('a')], [spot('s', 'a'), needy]);
    const { placed, evictions } = model.plan(10);
    expect([placed, evictions.map(({ victims, decisions }) => [victims, decisions[0]?.taskId])]).toEqual([[], [[['s'], 't']]]);
    expect(whyPending(model, 't')).toBe('has a host; waits for a spot task to leave it');
    model.apply(changes({ tasks: [task('u')] }), 0);
    expect(placeAll(model)).toEqual([]);
    model.apply(changes({ tasks: [{ ...spot('s', 'a'), state: 'stopped' }] }), 0);
    expect(placeAll(model).sort()).toEqual(['t@a', 'u@a']);
  });

  it('are remembered as leaving by the next leader, who keeps the place', () => {
    const leaving = { ...spot('s', 'a'), stopping: true, replacedBy: 't' as TaskId };
    const model = modelOf([host('a'), host('b', small)], [leaving, needy]);
    expect(model.plan(10)).toEqual({ placed: [], evictions: [] });
    model.apply(changes({ tasks: [{ ...leaving, state: 'stopped' }] }), 0);
    expect(placeAll(model)).toEqual(['t@a']);
  });

  it('whose host is lost leave who waits for them to look anew', () => {
    const model = modelOf([host('a')], [spot('s', 'a'), needy]);
    model.plan(10);
    model.apply(changes({ hosts: [host('a', { state: 'lost' }), host('b')], tasks: [{ ...spot('s', 'a'), state: 'stopped' }] }), 0);
    expect(placeAll(model)).toEqual(['t@b']);
  });
});

describe('spot tasks with a disruption budget', () => {
  const spot = (id: string, on: string) => running(id, on, { capacityTier: 'spot' }, { cpuMillis: 3000, budgetGroup: 'b' });
  const victims = (model: ReturnType<typeof modelOf>) => model.plan(10).evictions.flatMap((eviction) => eviction.victims);
  const waiting = ['t', 'u'].map((id) => sized(id, 2000, 64));

  it('stay, unless their budget was asked just now, and then only so many leave', () => {
    const model = modelOf([host('a'), host('b')], [spot('s1', 'a'), spot('s2', 'b'), ...waiting]);
    expect([victims(model), model.allowances.groups, model.dispatch.parked]).toEqual([[], ['b'], 2]);
    model.dispatch.reconsider();
    expect(model.allowances.during(new Map([['b', 1]]), () => victims(model))).toHaveLength(1);
    model.dispatch.reconsider();
    expect(victims(model)).toEqual([]);
  });

  it('are not asked about when the last has gone', () => {
    const model = modelOf([host('a')], [spot('s', 'a')]);
    model.apply(changes({ tasks: [{ ...spot('s', 'a'), state: 'stopped' }] }), 0);
    expect(model.allowances.groups).toEqual([]);
  });
});

describe('tenants', () => {
  const of = (tenantId: string) => Array.from({ length: 20 }, (_, i) => task(`${tenantId}${i}`, {}, { tenantId, cpuMillis: 400 }));
  const placedOf = (model: ReturnType<typeof modelOf>) => placeAll(model).filter((words) => words.startsWith('x')).length;

  it('get what there is by their weight', () => {
    const model = modelOf([host('a')]);
    model.weigh([{ tenantId: 'x', weight: 4 }]);
    model.apply(changes({ tasks: [...of('y'), ...of('x')] }), 0);
    expect(placedOf(model)).toBe(8);
  });

  it('have the weight 1 when theirs is taken back', () => {
    const model = modelOf([host('a')]);
    model.weigh([{ tenantId: 'x', weight: 4 }]);
    model.weigh([]);
    model.apply(changes({ tasks: [...of('y'), ...of('x')] }), 0);
    expect(placedOf(model)).toBe(5);
  });
});

describe('images', () => {
  const images = new HostImages();
  const pair = [host('a'), host('b')];
  const ended = (id: string, on: string, image: string) => running(id, on, { image }, { state: 'stopped' });

  it('draw tasks to a host that has had them, where hosts are else alike', () => {
    for (const [on, image] of [
      ['a', 'one'],
      ['b', 'two'],
    ] as const) {
      const model = modelOf(pair, [running('r', on, { image })], { images });
      model.apply(changes({ tasks: [ended('r', on, image)] }), 0);
    }
    // The model is made anew; what hosts have is still known.
    expect(placeAll(modelOf(pair, [task('t', { image: 'one' })], { images }))).toEqual(['t@a']);
    expect(placeAll(modelOf(pair, [task('t', { image: 'two' })], { images }))).toEqual(['t@b']);
  });

  it('are forgotten with a lost host, and the oldest of many', () => {
    const few = new HostImages();
    for (let i = 0; i < 65; i++) few.note('a' as HostId, `${i}`);
    expect([[...few.of('a' as HostId)].length, [...few.of('a' as HostId)][0]]).toEqual([64, '1']);
    modelOf([host('a', { state: 'lost' })], [], { images: few });
    expect([...few.of('a' as HostId)]).toEqual([]);
  });
});

describe('capacity groups', () => {
  const group = { id: 'g', name: 'g', cpuMillis: 3000, memoryMiB: 1024, gpus: 0, tenants: ['paying'] };
  const guaranteed: Needs = { capacityTier: 'guaranteed' };

  it('keep what is reserved from others, and let their tenants have it', () => {
    const tasks = [sized('f', 2000, 64), task('g1', guaranteed, { tenantId: 'paying', cpuMillis: 3000 }), task('x', guaranteed)];
    const model = modelOf([host('a')], tasks, { capacityGroups: [group] });
    expect(placeAll(model)).toEqual(['g1@a']);
    expect(whyPending(model, 'x')).toBe('guaranteed tasks need a capacity group, and the tenant is in none');
  });
});

describe('a simulation', () => {
  it('says where tasks would go, and leaves everything as it was', () => {
    const model = modelOf([host('a', small)], [task('q')]);
    const rows = ['1', '2'].map((id) => sized(id, 600, 64));
    const first = simulate(model, rows);
    expect(first.tasks.map(({ hostId }) => hostId)).toEqual(['a', null]);
    expect(first).toMatchObject({ ahead: 1, pending: { summary: 'needs 600m CPU; the largest free is 400m CPU on 1 host' } });
    expect([etaMs(first, null, 0), simulate(model, rows)]).toEqual([null, first]);
    const fits = { ...first, pending: null, ahead: 98 };
    expect([etaMs(fits, 2.5, 7), etaMs(fits, null, 7)]).toEqual([260, 110]);
    expect(etaMs({ ...fits, tasks: [{ hostId: null, placement: null, evicts: 1 }] }, 1, 120_000)).toBe(120_109);
    expect(placeAll(model)).toEqual(['q@a']);
    expect(model.hosts.get('a' as HostId)?.cpuMillis).toBe(1000);
  });
});
