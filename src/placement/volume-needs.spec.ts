import type { HostId, TaskId } from '@berth/contract';
import { describe, expect, it } from 'vitest';
import type { Fleet, HostView, Needs, PlaceableTask } from './fleet.js';
import { place } from './place.js';
import type { VolumeHome } from './volume-needs.js';

const host = (id: string, given: Partial<HostView> & { diskMiB?: number; cpuMillis?: number } = {}): HostView => ({
  id: id as HostId,
  name: `host-${id}`,
  state: 'active',
  attributes: { volumes: 'local' },
  diskPressure: null,
  capacity: { cpuMillis: given.cpuMillis ?? 4000, memoryMiB: 4096, taskSlots: 100, diskMiB: given.diskMiB ?? 50_000 },
  used: { cpuMillis: 0, memoryMiB: 0, taskSlots: 0, diskMiB: 0 },
  ...given,
});
const home = (id: string, on: string, written = false): VolumeHome => ({ id, hostId: on as HostId, hostName: `host-${on}`, written });
const uses = (id: string, write = true, sizeMiB = 1000): Needs => ({
  volumes: [{ id, name: `the-${id}`, sizeMiB, write }],
  volumeKinds: ['local'],
});
const task = (id: string, needs: Needs, cpuMillis = 100): PlaceableTask => ({ id: id as TaskId, cpuMillis, memoryMiB: 64, needs });
const hostsOf = (fleet: Fleet, tasks: PlaceableTask[]) => place(tasks, fleet).placed.map(({ taskId, hostId }) => `${taskId}@${hostId}`);
const reasonOf = (fleet: Fleet, one: PlaceableTask) => place([one], fleet).unplaced[0]?.reason.summary;

describe('volumes in placement', () => {
  it('bind a task to their host, however well another fits', () => {
    const hosts = [host('a', { cpuMillis: 200 }), host('b')];
    expect(hostsOf({ hosts, volumes: [home('v', 'b')] }, [task('t', uses('v')), task('u', {})])).toEqual(['t@b', 'u@b']);
    expect(hostsOf({ hosts }, [task('t', uses('v'))])).toEqual(['t@a']);
  });

  it('bind the next task of the same batch, which waits if both write', () => {
    const fleet = { hosts: [host('a', { cpuMillis: 200 }), host('b', { cpuMillis: 300 })] };
    const plan = place([task('t', uses('v'), 150), task('r', uses('v', false), 150), task('w', uses('v'), 10)], fleet);
    expect(plan.placed.map(({ taskId, hostId }) => `${taskId}@${hostId}`)).toEqual(['t@a']);
    expect(plan.unplaced.map(({ taskId, reason }) => `${taskId}: ${reason.summary}`)).toEqual([
      'r: the volume the-v lives on host-a; there, needs 150m CPU; the largest free is 50m CPU on 1 host',
      'w: the volume the-v lives on host-a; there, another task writes the volume the-v, and one may at a time: wait for its end, or mount the volume read-only',
    ]);
    expect(plan.fleet.volumes).toEqual([home('v', 'a', true)]);
  });

  it('let any number read beside the one that writes', () => {
    const fleet = { hosts: [host('a')], volumes: [home('v', 'a', true)] };
    expect(hostsOf(fleet, [task('r', uses('v', false)), task('s', uses('v', false))])).toEqual(['r@a', 's@a']);
  });

  it('take their place on the host once, when they come to live there', () => {
    const hosts = [host('a', { diskMiB: 4200 })];
    const read = (id: string) => task(id, uses('v', false, 1000));
    expect(hostsOf({ hosts }, [read('t'), read('u'), read('w'), read('x')])).toEqual(['t@a', 'u@a', 'w@a']);
    expect(hostsOf({ hosts, volumes: [home('v', 'a')] }, [read('t'), read('u'), read('w'), read('x'), read('y')])).toHaveLength(4);
    expect(reasonOf({ hosts: [host('a', { diskMiB: 1500 })] }, task('t', uses('v', true, 1000)))).toBe(
      'needs 2024 MiB of disk; the largest host has 1500 MiB of disk in all',
    );
  });

  it('say that their host is away, and that two live apart', () => {
    const hosts = [host('a', { state: 'unreachable' }), host('b')];
    expect(reasonOf({ hosts, volumes: [home('v', 'a')] }, task('t', uses('v')))).toBe(
      'the volume the-v lives on host-a; there, 1 host not active: unreachable or lost',
    );
    const both: Needs = { volumes: [...(uses('v').volumes ?? []), ...(uses('w').volumes ?? [])] };
    expect(reasonOf({ hosts: [host('a'), host('b')], volumes: [home('v', 'a'), home('w', 'b')] }, task('t', both))).toBe(
      'the volume the-v lives on host-a and the volume the-w lives on host-b',
    );
  });

  it('go only to hosts that know how to make them', () => {
    const old = host('a', { attributes: {} });
    expect(hostsOf({ hosts: [old, host('b')] }, [task('t', { volumeKinds: ['local'] })])).toEqual(['t@b']);
    expect(reasonOf({ hosts: [old, host('b')] }, task('t', { volumeKinds: ['nfs'] }))).toBe('2 hosts can make no nfs volumes');
  });
});
