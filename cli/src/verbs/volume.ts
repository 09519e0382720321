import { limits, type Volume } from '@berth/contract';
import type { Command } from 'commander';
import { answer, connect } from '../client.js';
import { currentContext } from '../config.js';
import { mebibytes } from '../container-values.js';
import { ago, memory, sheet, table } from '../format.js';
import { print, printJson } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

export function addVolume(program: Command): void {
  const volume = program.command('volume').summary('Keep data beyond the end of a task').description('Keep data beyond the end of a task.');
  addVerb(volume, 'create <name>', 'Make a persistent volume', [
    ['berth volume create db --size 10G', 'prints its name'],
    ['berth run -v db:/var/lib/db postgres', 'the first task chooses its host'],
  ])
    .requiredOption('--size <size>', '64M, 10G …: a hard limit, and what it costs by', mebibytes('--size'))
    .action(create);
  addVerb(volume, 'ls', 'List volumes', [['berth volume ls', 'with the host on which each lives']]).action(list);
  addVerb(volume, 'inspect <name>', 'Show a volume and who uses it', [['berth volume inspect db -o json', 'for programs']]).action(inspect);
  addVerb(volume, 'rm <name...>', 'Delete volumes with all that is in them', [
    ['berth volume rm db', 'refused while a task uses it'],
  ]).action(remove);
}

async function create(name: string, { context, output, size }: CommonOptions & { readonly size: number }): Promise<void> {
  const made = await answer(connect(currentContext(context)).POST('/v1/volumes', { body: { name, sizeMiB: size } }));
  await (output === 'json' ? printJson(made) : print(made.name));
}

async function list({ context, output }: CommonOptions): Promise<void> {
  const api = connect(currentContext(context));
  const volumes: Volume[] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const query = { limit: limits.page.max, ...(cursor !== undefined && { cursor }) };
    const { items, nextCursor } = await answer(api.GET('/v1/volumes', { params: { query } }));
    volumes.push(...items);
    cursor = nextCursor;
  }
  if (output === 'json') return printJson(volumes);
  await print(
    table(
      ['VOLUME', 'SIZE', 'STATE', 'HOST', 'USED BY', 'CREATED'],
      volumes.map((volume) => row(volume, Date.now())),
    ),
  );
}

function row({ name, sizeMiB, state, hostName, usedBy, createdAt }: Volume, nowMs: number): string[] {
  return [name, memory(sizeMiB), state, hostName ?? '', usedBy.map(user).join(', '), ago(createdAt, nowMs)];
}

function user({ taskId, access }: Volume['usedBy'][number]): string {
  return `${taskId.slice(0, 8)}${access === 'read' ? ' (reads)' : ''}`;
}

async function inspect(name: string, { context, output }: CommonOptions): Promise<void> {
  const params = { path: { volumeName: name } };
  const volume = await answer(connect(currentContext(context)).GET('/v1/volumes/{volumeName}', { params }));
  if (output === 'json') return printJson(volume);
  await print(
    sheet([
      ['Volume', volume.name],
      ['Id', volume.id],
      ['Size', memory(volume.sizeMiB)],
      ['State', volume.state],
      ['Host', volume.hostName],
      ['Used by', volume.usedBy.length > 0 ? volume.usedBy.map(user).join(', ') : null],
      ['Created', volume.createdAt],
    ]),
  );
}

async function remove(names: string[], { context, output }: CommonOptions): Promise<void> {
  const api = connect(currentContext(context));
  const removed: Volume[] = [];
  for (const name of names) {
    removed.push(await answer(api.DELETE('/v1/volumes/{volumeName}', { params: { path: { volumeName: name } } })));
    if (output !== 'json') await print(name);
  }
  if (output === 'json') await printJson(removed);
}
