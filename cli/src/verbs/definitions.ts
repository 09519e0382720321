import { limits, type TaskDefinition } from '@berth/contract';
import type { Command } from 'commander';
import { answer, connect } from '../client.js';
import { currentContext } from '../config.js';
import { ago, cpu, memory, shorten, table } from '../format.js';
import { note, print, printJson } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

interface Options extends CommonOptions {
  readonly family?: string;
}

export function addDefinitions(program: Command): void {
  addVerb(program, 'definitions', 'List task definitions, newest first', [
    ['berth definitions', 'all families'],
    ['berth definitions --family web', 'the revisions of one'],
  ])
    .option('--family <name>', 'only this family')
    .action(definitions);
}

async function definitions({ context, family, output }: Options): Promise<void> {
  const api = connect(currentContext(context));
  const query = { limit: limits.page.max, ...(family !== undefined && { family }) };
  const { items, nextCursor } = await answer(api.GET('/v1/task-definitions', { params: { query } }));
  if (output === 'json') return printJson(items);
  const now = Date.now();
  await print(
    table(
      ['DEFINITION', 'CPU', 'MEMORY', 'IMAGES', 'CREATED'],
      items.map((definition) => row(definition, now)),
    ),
  );
  if (nextCursor !== null) note(`There are more than these ${items.length}; --family narrows them.`);
}

function row(definition: TaskDefinition, nowMs: number): string[] {
  const images = definition.containers.map((container) => container.image).join(', ');
  return [definition.name, cpu(definition.cpuMillis), memory(definition.memoryMiB), shorten(images, 60), ago(definition.createdAt, nowMs)];
}
