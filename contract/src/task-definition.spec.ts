import { expect, test } from 'vitest';
import { runTasksSchema } from './task.js';
import { type TaskDefinitionInput, taskDefinitionInputSchema } from './task-definition.js';

const minimal: TaskDefinitionInput = { family: 'web', containers: [{ name: 'main', image: 'busybox' }] };

test('the least that can be written gets sensible defaults', () => {
  expect(taskDefinitionInputSchema.parse(minimal)).toMatchObject({
    cpuMillis: 250,
    memoryMiB: 128,
    pidsLimit: 1024,
    containers: [{ essential: true, init: true, stopTimeoutSeconds: 30, readonlyRootFilesystem: false, environment: {} }],
  });
});

test.each<[string, unknown, string]>([
  ['an unknown field', { ...minimal, cpus: 2 }, ''],
  ['an unknown field of a container', { ...minimal, containers: [{ ...minimal.containers[0], privileged: true }] }, 'containers.0'],
  ['no CPU', { ...minimal, cpuMillis: 0 }, 'cpuMillis'],
  ['half a milli-CPU', { ...minimal, cpuMillis: 10.5 }, 'cpuMillis'],
  ['15 MiB', { ...minimal, memoryMiB: 15 }, 'memoryMiB'],
  ['no container', { ...minimal, containers: [] }, 'containers'],
  ['eleven containers', { ...minimal, containers: Array.from({ length: 11 }, (_, i) => ({ name: `c${i}`, image: 'a' })) }, 'containers'],
  ['two containers of one name', { ...minimal, containers: [minimal.containers[0], minimal.containers[0]] }, 'containers.1.name'],
  ['a container larger than the task', { ...minimal, containers: [{ name: 'a', image: 'a', memoryMiB: 256 }] }, 'containers.0.memoryMiB'],
  ['nothing essential', { ...minimal, containers: [{ name: 'a', image: 'a', essential: false }] }, 'containers'],
  ['no image reference', { ...minimal, containers: [{ name: 'a', image: 'A B' }] }, 'containers.0.image'],
  ['a NUL in an argument', { ...minimal, containers: [{ name: 'a', image: 'a', command: ['a\0b'] }] }, 'containers.0.command.0'],
  [
    'a relative working directory',
    { ...minimal, containers: [{ name: 'a', image: 'a', workingDirectory: 'x' }] },
    'containers.0.workingDirectory',
  ],
])('refuses %s and names the field', (_, input, path) => {
  const parsed = taskDefinitionInputSchema.safeParse(input);
  expect(parsed.error?.issues[0]?.path.join('.')).toBe(path);
});

test('a run names a definition or brings one, not both and not neither', () => {
  expect(runTasksSchema.safeParse({ taskDefinition: 'web' }).success).toBe(true);
  expect(runTasksSchema.safeParse({ definition: minimal }).success).toBe(true);
  expect(runTasksSchema.safeParse({}).success).toBe(false);
  expect(runTasksSchema.safeParse({ taskDefinition: 'web', definition: minimal }).success).toBe(false);
});
