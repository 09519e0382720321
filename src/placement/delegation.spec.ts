import { expect, it } from 'vitest';
import { hostRow as host, modelOf, placeAll, taskRow, whyPending } from '../../test/support/fleet-model.js';

it('gives control groups of one’s own on hosts that can delegate them, and says so of others', () => {
  const task = taskRow('t', { delegateCgroup: true });
  const hosts = [host('a', { attributes: { cgroup: 'v1' } }), host('b', { attributes: { cgroup: 'v2', cgroupDelegation: 'yes' } })];
  expect(placeAll(modelOf(hosts, [task]))).toEqual(['t@b']);
  const old = modelOf([host('a', { attributes: { cgroup: 'v2' } })], [task]);
  expect(placeAll(old)).toEqual([]);
  expect(whyPending(old, 't')).toBe('1 host can’t delegate control groups (delegateCgroup), which needs cgroup v2');
});
