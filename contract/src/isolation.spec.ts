import { expect, it } from 'vitest';
import { isolationFaults } from './isolation.js';

it('gives no control groups of their own to sandboxes', () => {
  const faultsOf = (delegateCgroup?: boolean) =>
    isolationFaults({ isolation: 'sandbox', memoryMiB: 128, containers: [{ delegateCgroup }] }).map(({ path }) => path.join('.'));
  expect([faultsOf(true), faultsOf(false), faultsOf()]).toEqual([['containers.0.delegateCgroup'], [], []]);
});
