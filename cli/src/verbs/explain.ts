import type { Task } from '@berth/contract';
import type { Command } from 'commander';
import { answer, connect } from '../client.js';
import { currentContext } from '../config.js';
import { table } from '../format.js';
import { taskIdOf } from '../tasks.js';
import { print, printJson } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

export function addExplain(program: Command): void {
  addVerb(program, 'explain <task>', 'Say why a task is where it is, or what it waits for', [
    ['berth explain 3f0e6a52', 'its host and why that one, or how many hosts lack what'],
  ]).action(explain);
}

async function explain(name: string, { context, output }: CommonOptions): Promise<void> {
  const api = connect(currentContext(context));
  const taskId = await taskIdOf(api, name);
  const task = await answer(api.GET('/v1/tasks/{taskId}', { params: { path: { taskId } } }));
  const { id, state, host, placement, pending, stopCode, stopReason, replacedBy } = task;
  if (output === 'json') return printJson({ id, state, host, placement, pending, stopCode, stopReason, replacedBy });
  await print(explanationOf(task));
}

export function explanationOf(task: Pick<Task, 'state' | 'host' | 'placement' | 'pending' | 'stopReason' | 'replacedBy'>): string {
  const { state, host, placement, pending, stopReason, replacedBy } = task;
  const where = host ? `On ${host.name}: ${placement ?? 'nobody noted why'}.` : '';
  if (state === 'stopped')
    return [where, `Stopped: ${stopReason ?? ''}`, replacedBy ? `Replaced by ${replacedBy}.` : ''].filter(Boolean).join('\n');
  if (state !== 'pending') return where;
  if (!pending) return 'Pending; it has not been looked at yet.';
  const rows = pending.filters.map(({ filter, hosts, detail }) => [`${hosts}`, filter, detail]);
  return [`Pending: ${pending.summary}.`, ...(rows.length > 0 ? ['', table(['HOSTS', 'LACK', 'IN WORDS'], rows)] : [])].join('\n');
}
