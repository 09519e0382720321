import { expect, it } from 'vitest';
import { delegationFault } from './delegation.js';

it('hands control groups over on hosts with cgroup v2, outside of sandboxes', () => {
  expect(delegationFault('v2', 'container')).toBeNull();
  expect(delegationFault('v1', 'container')).toMatch(/this host has cgroup v1/);
  expect(delegationFault('v2', 'sandbox')).toMatch(/a sandbox has no control groups/);
});
