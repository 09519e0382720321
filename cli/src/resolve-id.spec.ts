import type { Task } from '@berth/contract';
import { expect, test } from 'vitest';
import { type ListTasks, resolveTaskId } from './resolve-id.js';

const id = (head: string) => `${head}-9f0a-4c7e-8a2b-1d2f3e4a5b6c`;
const tasks = [
  { id: id('3f0e6a52'), name: 'web', state: 'running' },
  { id: id('3f0e6b00'), name: 'web', state: 'stopped' },
  { id: id('aaaa0000'), name: 'cafe', state: 'running' },
  { id: id('cafe0000'), name: null, state: 'running' },
  { id: id('bbbb0000'), name: 'job', state: 'stopped' },
  { id: id('bbbb0001'), name: 'job', state: 'stopped' },
] as Task[];

const list: ListTasks = async ({ idPrefix, name, limit }) =>
  tasks
    .filter((task) => (idPrefix === undefined || task.id.startsWith(idPrefix)) && (name === undefined || task.name === name))
    .slice(0, limit);

test.each([
  ['a whole id is taken as it is', id('00000000'), id('00000000')],
  ['the beginning of an id', '3f0e6a', id('3f0e6a52')],
  ['in upper case', '3F0E6A', id('3f0e6a52')],
  ['an id wins over a name', 'cafe', id('cafe0000')],
  ['the only living task of a name', 'web', id('3f0e6a52')],
])('%s', async (_, typed, expected) => expect(await resolveTaskId(typed, list)).toBe(expected));

test.each([
  ['3f0e', '"3f0e" fits more than one task: 3f0e6a52-9f0a, 3f0e6b00-9f0a.'],
  ['job', '"job" fits more than one task: bbbb0000-9f0a, bbbb0001-9f0a.'],
  ['dddd', 'There is no task "dddd" here.'],
  ['nothing', 'There is no task "nothing" here.'],
  ['../x', '"../x" is neither a task\'s id nor a name.'],
])('%s is refused', async (typed, message) => {
  await expect(resolveTaskId(typed, list)).rejects.toThrow(message);
});
