import type { Task } from '@berth/contract';
import type { Command } from 'commander';
import { answer, connect } from '../client.js';
import { currentContext } from '../config.js';
import { taskIdOf } from '../tasks.js';
import { note, print, printJson } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

export function addFreeze(program: Command): void {
  addVerb(program, 'freeze <task...>', 'Hold all processes of tasks where they are', [
    ['berth freeze 3f0e6a52', 'until "berth thaw"'],
  ]).action((names: string[], options: CommonOptions) => change(names, options, 'freeze'));
}

export function addThaw(program: Command): void {
  addVerb(program, 'thaw <task...>', 'Let the processes of frozen tasks go on', [['berth thaw 3f0e6a52', 'where they were held']]).action(
    (names: string[], options: CommonOptions) => change(names, options, 'thaw'),
  );
}

async function change(names: readonly string[], { context, output }: CommonOptions, verb: 'freeze' | 'thaw'): Promise<void> {
  const api = connect(currentContext(context), { patienceMs: 5_000 });
  // All are found before any is changed: a typing error in the last must not hold the first.
  const ids = [...new Set(await Promise.all(names.map((name) => taskIdOf(api, name))))];
  const tasks: Task[] = [];
  for (const taskId of ids) tasks.push(await answer(api.POST(`/v1/tasks/{taskId}/${verb}`, { params: { path: { taskId } } })));
  if (tasks.some(({ adjustment }) => adjustment)) note('A host has not answered yet; it does it as soon as it can.');
  if (output === 'json') await printJson(tasks);
  else await print(ids.join('\n'));
}
