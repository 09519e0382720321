import type { HostId } from '@berth/contract';
import { describe, expect, it } from 'vitest';
import { hostRow as host, modelOf, placeAll, running, taskRow, whyPending } from '../../test/support/fleet-model.js';
import type { Needs, VolumeRow } from './fleet.js';

const home = (id: string, on: string, sizeMiB = 1000): VolumeRow => ({ id, hostId: on as HostId, sizeMiB, removed: false });
const uses = (id: string, write = true, sizeMiB = 1000): Needs => ({
  volumes: [{ id, name: `the-${id}`, sizeMiB, write }],
  volumeKinds: ['local'],
});
const task = (id: string, needs: Needs, cpuMillis = 100) => taskRow(id, needs, { cpuMillis });

describe('volumes in placement', () => {
  it('bind a task to their host, however well another fits', () => {
    const hosts = [host('a', { cpuMillis: 200 }), host('b')];
    expect(placeAll(modelOf(hosts, [task('t', uses('v'))], { volumes: [home('v', 'b')] }))).toEqual(['t@b']);
    expect(placeAll(modelOf(hosts, [task('t', uses('v'))]))).toEqual(['t@a']);
  });

  it('bind the next task of the same batch, which waits if both write', () => {
    const hosts = [host('a', { cpuMillis: 200 }), host('b', { cpuMillis: 300 })];
    const model = modelOf(hosts, [task('t', uses('v'), 150), task('r', uses('v', false), 150), task('w', uses('v'), 10)]);
    expect(placeAll(model)).toEqual(['t@a']);
    expect(['r', 'w'].map((id) => whyPending(model, id))).toEqual([
      'the volume the-v lives on host-a; there, needs 150m CPU; the largest free is 50m CPU on 1 host',
      'the volume the-v lives on host-a; there, another task writes the volume the-v, and one may at a time: wait for its end, or mount the volume read-only',
    ]);
  });

  it('let the next one write when the one before has ended', () => {
    const model = modelOf([host('a')], [running('t', 'a', uses('v')), task('w', uses('v'))], { volumes: [home('v', 'a')] });
    expect(placeAll(model)).toEqual([]);
    model.apply({ hosts: [], volumes: [], tasks: [running('t', 'a', uses('v'), { state: 'stopped' })] }, 0);
    expect(placeAll(model)).toEqual(['w@a']);
  });

  it('let any number read beside the one that writes', () => {
    const tasks = [running('w', 'a', uses('v')), task('r', uses('v', false)), task('s', uses('v', false))];
    expect(placeAll(modelOf([host('a')], tasks, { volumes: [home('v', 'a')] }))).toEqual(['r@a', 's@a']);
  });

  it('take their place on the host once, when they come to live there', () => {
    const hosts = [host('a', { diskMiB: 4200 })];
    const readers = ['t', 'u', 'w', 'x'].map((id) => task(id, uses('v', false)));
    expect(placeAll(modelOf(hosts, readers))).toEqual(['t@a', 'u@a', 'w@a']);
    expect(placeAll(modelOf(hosts, readers, { volumes: [home('v', 'a')] }))).toHaveLength(3);
    const small = modelOf([host('a', { diskMiB: 1500 })], [task('t', uses('v'))]);
    expect(placeAll(small)).toEqual([]);
    expect(whyPending(small, 't')).toBe('needs 2024 MiB of disk; the largest host has 1500 MiB of disk in all');
  });

  it('give their room back when nothing is left of them', () => {
    const model = modelOf([host('a', { diskMiB: 2000 })], [task('t', {})], { volumes: [home('v', 'a')] });
    expect(placeAll(model)).toEqual([]);
    model.apply({ hosts: [], tasks: [], volumes: [{ ...home('v', 'a'), removed: true }] }, 0);
    expect(placeAll(model)).toEqual(['t@a']);
  });

  it('say that their host is away, and that two live apart', () => {
    const away = modelOf([host('a', { state: 'unreachable' }), host('b')], [task('t', uses('v'))], { volumes: [home('v', 'a')] });
    expect(placeAll(away)).toEqual([]);
    expect(whyPending(away, 't')).toBe(
      'the volume the-v lives on host-a; there, 1 host not active: unreachable, lost, cordoned or draining',
    );
    const both: Needs = { volumes: [...(uses('v').volumes ?? []), ...(uses('w').volumes ?? [])] };
    const apart = modelOf([host('a'), host('b')], [task('t', both)], { volumes: [home('v', 'a'), home('w', 'b')] });
    expect(placeAll(apart)).toEqual([]);
    expect(whyPending(apart, 't')).toBe('the volume the-v lives on host-a and the volume the-w lives on host-b');
  });

  it('go only to hosts that know how to make them', () => {
    const hosts = [host('a', { attributes: {} }), host('b')];
    expect(placeAll(modelOf(hosts, [task('t', { volumeKinds: ['local'] })]))).toEqual(['t@b']);
    const model = modelOf(hosts, [task('t', { volumeKinds: ['nfs'] })]);
    expect(placeAll(model)).toEqual([]);
    expect(whyPending(model, 't')).toBe('2 hosts can make no nfs volumes');
  });
});
