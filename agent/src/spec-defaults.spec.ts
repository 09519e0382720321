import { type ContainerSpec, containerExtrasSchema } from '@berth/contract';
import { expect, it } from 'vitest';
import { containerSpec, taskSpec } from '../test/tasks.js';
import type { Entry } from './entries.js';
import { withSpecDefaults } from './spec-defaults.js';

/** As the first agents wrote it. */
function oldContainer(): ContainerSpec {
  const added = Object.keys(containerExtrasSchema.shape);
  return Object.fromEntries(Object.entries(containerSpec()).filter(([name]) => !added.includes(name))) as ContainerSpec;
}

it('reads an order of an older agent as one that asks for nothing new', () => {
  const { cpuBurst, blockIoWeight, ...spec } = taskSpec({ containers: [oldContainer()] });
  const entry = { kind: 'accepted', taskId: spec.taskId, atMs: 1, spec } as Entry;
  expect(withSpecDefaults(entry)).toMatchObject({
    spec: { ...spec, cpuBurst: false, blockIoWeight: null, containers: [{ tty: false, shmSizeMiB: 64, tmpfs: [], sysctls: {} }] },
  });
});

it('leaves other entries alone', () => {
  const entry: Entry = { kind: 'epoch', epoch: 3 };
  expect(withSpecDefaults(entry)).toBe(entry);
});
