import { limits, type TaskEvent } from '@berth/contract';
import type { Command } from 'commander';
import { answer, connect } from '../client.js';
import { currentContext } from '../config.js';
import { clockTime, duration, table } from '../format.js';
import { taskIdOf } from '../tasks.js';
import { print, printJson } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

export function addEvents(program: Command): void {
  addVerb(program, 'events <task>', 'Show every step in a task’s life, with its time and reason', [
    ['berth events 3f0e6a52', 'what happened, and how long each step took'],
  ]).action(events);
}

async function events(name: string, { context, output }: CommonOptions): Promise<void> {
  const api = connect(currentContext(context));
  const id = await taskIdOf(api, name);
  const { items } = await answer(
    api.GET('/v1/tasks/{taskId}/events', { params: { path: { taskId: id }, query: { limit: limits.page.max } } }),
  );
  if (output === 'json') return printJson(items);
  await print(table(['TIME (UTC)', 'AFTER', 'EVENT', 'REASON'], items.map(row)));
}

function row({ at, type, reason }: TaskEvent, index: number, all: readonly TaskEvent[]): string[] {
  const before = all[index - 1];
  const after = before ? `+${duration(Date.parse(at) - Date.parse(before.at))}` : at.slice(0, 10);
  return [clockTime(at), after, type, reason];
}
