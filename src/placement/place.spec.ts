import type { HostId, HostState, TaskId } from '@berth/contract';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Fleet, HostView, Needs, PlaceableTask } from './fleet.js';
import { place } from './place.js';

interface HostInput {
  cpu: number;
  memory: number;
  slots?: number;
  usedCpu?: number;
  usedMemory?: number;
  tasks?: number;
  state?: HostState;
  attributes?: Record<string, string>;
  disk?: number;
  usedDisk?: number;
  diskPressure?: string | null;
}

const host = (
  id: string,
  { cpu, memory, slots = 100, usedCpu = 0, usedMemory = 0, tasks = 0, state = 'active', attributes = {}, ...disk }: HostInput,
): HostView => ({
  id: id as HostId,
  name: id,
  state,
  attributes,
  diskPressure: disk.diskPressure ?? null,
  capacity: { cpuMillis: cpu, memoryMiB: memory, taskSlots: slots, ...(disk.disk === undefined ? {} : { diskMiB: disk.disk }) },
  used: { cpuMillis: usedCpu, memoryMiB: usedMemory, taskSlots: tasks, diskMiB: disk.usedDisk ?? 0 },
});
const task = (id: string, cpuMillis: number, memoryMiB: number, needs: Needs = {}): PlaceableTask => ({
  id: id as TaskId,
  cpuMillis,
  memoryMiB,
  needs,
});
const hostsOf = (fleet: Fleet, tasks: PlaceableTask[]) => place(tasks, fleet).placed.map(({ taskId, hostId }) => `${taskId}@${hostId}`);

describe('place: the choice', () => {
  it.each<[string, HostView[], string]>([
    ['the tightest remainder', [host('a', { cpu: 4000, memory: 8192 }), host('b', { cpu: 1000, memory: 1024 })], 'b'],
    [
      'a host with tasks before an empty one that fits tighter',
      [host('a', { cpu: 1000, memory: 1024 }), host('b', { cpu: 8000, memory: 8192, usedCpu: 100, usedMemory: 100, tasks: 1 })],
      'b',
    ],
    ['the lowest id on a tie, whatever the order', [host('b', { cpu: 1000, memory: 1024 }), host('a', { cpu: 1000, memory: 1024 })], 'a'],
    ['only an active host', [host('a', { cpu: 1000, memory: 1024, state: 'unreachable' }), host('b', { cpu: 9000, memory: 9000 })], 'b'],
    [
      'only a host with a free slot',
      [host('a', { cpu: 1000, memory: 1024, slots: 1, tasks: 1 }), host('b', { cpu: 9000, memory: 9000 })],
      'b',
    ],
  ])('takes %s', (_, hosts, expected) => {
    expect(hostsOf({ hosts }, [task('t', 250, 128)])).toEqual([`t@${expected}`]);
  });

  it('counts the disk of tasks, and takes what has room', () => {
    const hosts = [host('a', { cpu: 1000, memory: 1024, disk: 3000, usedDisk: 1000 }), host('b', { cpu: 9000, memory: 9000, disk: 9000 })];
    const tasks = [task('t1', 10, 10), task('t2', 10, 10), task('t3', 10, 10, { diskMiB: 900 })];
    expect(hostsOf({ hosts }, tasks)).toEqual(['t1@a', 't2@b', 't3@a']);
  });

  it('gives nothing to a host that is short of disk', () => {
    const hosts = [
      host('a', { cpu: 1000, memory: 1024, diskPressure: 'its disk has only 3 MiB left' }),
      host('b', { cpu: 9000, memory: 9000 }),
    ];
    expect(hostsOf({ hosts }, [task('t', 250, 128)])).toEqual(['t@b']);
  });

  it('takes a host that has the isolation tier', () => {
    const hosts = [
      host('a', { cpu: 1000, memory: 1024 }),
      host('b', { cpu: 9000, memory: 9000, attributes: { isolation: 'container,sandbox' } }),
    ];
    expect(hostsOf({ hosts }, [task('t', 250, 128, { isolation: 'sandbox' }), task('u', 250, 128)])).toEqual(['t@b', 'u@b']);
  });

  it('gives a port of a host to one task there, and says who is in the way', () => {
    const hosts = [host('a', { cpu: 9000, memory: 9000 }), host('b', { cpu: 1000, memory: 1000 })];
    const tasks = ['1', '2', '3'].map((id) => task(id, 100, 100, { hostPorts: ['tcp/80'] }));
    const { placed, unplaced, fleet } = place([...tasks, task('4', 100, 100, { hostPorts: ['udp/80'] })], { hosts });
    expect(placed.map(({ taskId, hostId }) => `${taskId}@${hostId}`)).toEqual(['1@b', '2@a', '4@b']);
    expect(unplaced[0]?.reason.summary).toBe('another task has tcp/80 on 2 hosts');
    expect(fleet.hosts.map(({ ports }) => ports)).toEqual([['tcp/80'], ['tcp/80', 'udp/80']]);
  });

  it('lets each task of a batch see what those before it took', () => {
    const fleet = { hosts: [host('a', { cpu: 1000, memory: 1000 }), host('b', { cpu: 1000, memory: 1000 })] };
    const tasks = [task('1', 600, 600), task('2', 600, 600), task('3', 600, 600), task('4', 400, 400)];
    expect(hostsOf(fleet, tasks)).toEqual(['1@a', '2@b', '4@a']);
  });

  it('gives back the fleet with the plan carried out', () => {
    const { fleet } = place([task('1', 600, 500)], { hosts: [host('a', { cpu: 1000, memory: 1000, tasks: 2, usedCpu: 100 })] });
    expect(fleet.hosts[0]?.used).toEqual({ cpuMillis: 700, memoryMiB: 500, taskSlots: 3 });
  });
});

describe('place: the words', () => {
  it('says that no host has the isolation tier', () => {
    const { unplaced } = place([task('t', 1, 1, { isolation: 'sandbox' })], { hosts: [host('a', { cpu: 1, memory: 1 })] });
    expect(unplaced[0]?.reason.summary).toBe('1 host without the isolation tier sandbox');
  });

  const why = (hosts: HostView[], ...size: [number, number]) => place([task('t', ...size)], { hosts });

  it('says why a host was chosen', () => {
    const big = { cpu: 4000, memory: 8192 };
    const { placed } = why([host('a', { cpu: 500, memory: 1400 }), host('b', big), host('c', big)], 250, 128);
    expect(placed[0]?.placement).toBe('best fit of 3 hosts: leaves 250m CPU, 1.2 GiB');
    expect(why([host('a', { cpu: 500, memory: 512 })], 500, 12).placed[0]?.placement).toBe(
      'the only host that fits: leaves 0m CPU, 500 MiB',
    );
  });

  it.each<[string, HostView[], [number, number], string]>([
    ['no hosts at all', [], [100, 100], 'there are no hosts'],
    ['no active host', [host('a', { cpu: 1, memory: 1, state: 'lost' })], [100, 100], '1 host not active: unreachable or lost'],
    [
      'too little memory free',
      [host('a', { cpu: 9000, memory: 9000, usedMemory: 5900 }), host('b', { cpu: 9000, memory: 9000, usedMemory: 8000 })],
      [100, 8192],
      'needs 8192 MiB; the largest free is 3100 MiB on 1 host',
    ],
    [
      'more than any host has',
      [host('a', { cpu: 9000, memory: 4096 })],
      [100, 8192],
      'needs 8192 MiB; the largest host has 4096 MiB in all',
    ],
    [
      'too little CPU',
      [host('a', { cpu: 900, memory: 900, usedCpu: 700 })],
      [500, 100],
      'needs 500m CPU; the largest free is 200m CPU on 1 host',
    ],
    [
      'a host that shrank below its use',
      [host('a', { cpu: 600, memory: 900, usedCpu: 700 })],
      [500, 100],
      'needs 500m CPU; the largest free is 0m CPU on 1 host',
    ],
    [
      'too little disk',
      [host('a', { cpu: 900, memory: 900, disk: 3000, usedDisk: 2500 })],
      [10, 16],
      'needs 1024 MiB of disk; the most that is free on one host is 500 MiB of disk',
    ],
    [
      'more disk than any host has',
      [host('a', { cpu: 900, memory: 900, disk: 1000 })],
      [10, 16],
      'needs 1024 MiB of disk; the largest host has 1000 MiB of disk in all',
    ],
    [
      'a full disk',
      [host('a', { cpu: 900, memory: 900, diskPressure: 'its disk has only 3 MiB left' })],
      [10, 16],
      '1 host short of disk: its disk has only 3 MiB left',
    ],
    ['no slots', [host('a', { cpu: 900, memory: 900, slots: 2, tasks: 2 })], [10, 16], 'every task slot is taken on 1 host'],
  ])('explains %s', (_, hosts, size, summary) => {
    expect(why(hosts, ...size).unplaced[0]?.reason.summary).toBe(summary);
  });

  it('counts each host at the first filter it fails and sums up by the nearest miss', () => {
    const hosts = [
      host('a', { cpu: 100, memory: 100, state: 'lost' }),
      host('b', { cpu: 100, memory: 100 }),
      host('c', { cpu: 100, memory: 100, slots: 0 }),
      host('d', { cpu: 1000, memory: 500 }),
    ];
    const reason = why(hosts, 500, 1000).unplaced[0]?.reason;
    expect(reason?.filters.map(({ filter, hosts: count }) => [filter, count])).toEqual([
      ['host-active', 1],
      ['task-slots', 1],
      ['cpu', 1],
      ['memory', 1],
    ]);
    expect(reason?.summary).toBe('needs 1000 MiB; the largest host has 500 MiB in all');
  });
});

describe('place: what always holds', () => {
  const hosts = fc.array(
    fc.record({
      cpu: fc.integer({ min: 0, max: 4000 }),
      memory: fc.integer({ min: 0, max: 4096 }),
      slots: fc.integer({ min: 0, max: 5 }),
      usedCpu: fc.integer({ min: 0, max: 4500 }),
      usedMemory: fc.integer({ min: 0, max: 4500 }),
      tasks: fc.integer({ min: 0, max: 5 }),
      state: fc.constantFrom<HostState>('active', 'active', 'unreachable', 'lost'),
    }),
    { maxLength: 12 },
  );
  const tasks = fc.array(fc.tuple(fc.integer({ min: 10, max: 3000 }), fc.integer({ min: 16, max: 3000 })), { maxLength: 40 });
  const world = fc.tuple(hosts, tasks).map(([hostInputs, sizes]) => ({
    fleet: { hosts: hostInputs.map((input, index) => host(`h${index}`, input)) },
    tasks: sizes.map(([cpu, memory], index) => task(`t${index}`, cpu, memory)),
  }));

  it('never goes over a capacity and uses active hosts only', () => {
    fc.assert(
      fc.property(world, ({ fleet, tasks }) => {
        const plan = place(tasks, fleet);
        for (const { hostId } of plan.placed) {
          const after = plan.fleet.hosts.find(({ id }) => id === hostId) as HostView;
          expect(after.state).toBe('active');
          expect(after.used.cpuMillis).toBeLessThanOrEqual(after.capacity.cpuMillis);
          expect(after.used.memoryMiB).toBeLessThanOrEqual(after.capacity.memoryMiB);
          expect(after.used.taskSlots).toBeLessThanOrEqual(after.capacity.taskSlots);
        }
      }),
    );
  });

  it('answers for each task exactly once, and every unplaced one fits nowhere and has a reason for every host', () => {
    fc.assert(
      fc.property(world, ({ fleet, tasks }) => {
        const plan = place(tasks, fleet);
        expect([...plan.placed, ...plan.unplaced].map(({ taskId }) => taskId).sort()).toEqual(tasks.map(({ id }) => id).sort());
        for (const { shape, reason } of plan.unplaced) {
          expect(reason.summary).not.toBe('');
          expect(reason.filters.reduce((sum, { hosts: count }) => sum + count, 0)).toBe(fleet.hosts.length);
          expect(place([{ id: 'again' as TaskId, ...shape }], plan.fleet).placed).toEqual([]);
        }
      }),
    );
  });

  it('does not depend on the order of the hosts', () => {
    fc.assert(
      fc.property(world, ({ fleet, tasks }) => {
        const reversed = place(tasks, { hosts: [...fleet.hosts].reverse() });
        expect(reversed).toEqual(place(tasks, fleet));
      }),
    );
  });

  it('does the same task by task as in one batch', () => {
    fc.assert(
      fc.property(world, fc.array(fc.nat(3)), ({ fleet, tasks }, repeats) => {
        // Runs of one shape, which the batch need not scan for.
        const runs = tasks.flatMap((first, index) =>
          Array.from({ length: 1 + (repeats[index] ?? 0) }, (_, n) => ({ ...first, id: `${first.id}.${n}` as TaskId })),
        );
        const oneByOne = runs.reduce(
          ({ placed, fleet }, next) => {
            const plan = place([next], fleet);
            return { placed: [...placed, ...plan.placed.map(({ taskId, hostId }) => [taskId, hostId])], fleet: plan.fleet };
          },
          { placed: [] as string[][], fleet: fleet as Fleet },
        );
        expect(place(runs, fleet).placed.map(({ taskId, hostId }) => [taskId, hostId])).toEqual(oneByOne.placed);
      }),
    );
  });
});
