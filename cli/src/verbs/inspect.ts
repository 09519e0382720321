import type { Command } from 'commander';
import { answer, connect } from '../client.js';
import { currentContext } from '../config.js';
import { askedSheet } from '../container-sheet.js';
import { sheet, table } from '../format.js';
import { containerHead, containerRows, taskSheet } from '../task-row.js';
import { getTask, taskIdOf } from '../tasks.js';
import { print, printJson } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

export function addInspect(program: Command): void {
  addVerb(program, 'inspect <task>', 'Show everything about a task', [
    ['berth inspect 3f0e6a52', 'for people'],
    ["berth inspect web -o json | jq -r '.address'", 'for programs'],
  ]).action(inspect);
}

async function inspect(name: string, { context, output }: CommonOptions): Promise<void> {
  const api = connect(currentContext(context));
  const task = await getTask(api, await taskIdOf(api, name));
  const path = { name: task.taskDefinition };
  const definition = await answer(api.GET('/v1/task-definitions/{name}', { params: { path } }));
  if (output === 'json') return printJson({ ...task, definition });
  await print(sheet(taskSheet(task, Date.now())));
  await print(`\n${table(containerHead, containerRows(task, Date.now()))}`);
  const asked = sheet(askedSheet(definition));
  if (asked !== '') await print(`\nAsks for\n${asked}`);
}
