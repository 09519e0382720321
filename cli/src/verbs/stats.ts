import type { TaskStats } from '@berth/contract';
import type { Command } from 'commander';
import { type Api, answer, connect } from '../client.js';
import { currentContext } from '../config.js';
import { Failure } from '../failure.js';
import { table } from '../format.js';
import { statsHead, statsRows } from '../stats-table.js';
import { taskIdOf } from '../tasks.js';
import { note, print, write } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

interface Options extends CommonOptions {
  readonly stream: boolean;
}

const drawEveryMs = 1000;
const tasksAtMost = 50;

export function addStats(program: Command): void {
  addVerb(program, 'stats [task...]', 'Show what running tasks use, live', [
    ['berth stats', 'all that run, each second'],
    ['berth stats --no-stream web', 'once'],
    ['berth stats -o json 3f0e6a52', 'a line of JSON for each sample'],
  ])
    .option('--no-stream', 'one sample of each, and end')
    .action(stats);
}

async function stats(names: string[], options: Options): Promise<void> {
  const api = connect(currentContext(options.context), { patienceMs: 5_000 });
  const ids = names.length > 0 ? await Promise.all(names.map((name) => taskIdOf(api, name))) : await runningIds(api);
  if (ids.length === 0) return note('No task runs.');
  if (!options.stream) return once(api, ids, options);
  if (options.output === 'json')
    return void (await Promise.all(ids.map((id) => follow(api, id, (sample) => print(JSON.stringify(sample))))));
  await live(api, ids);
}

async function runningIds(api: Api): Promise<string[]> {
  const { items, nextCursor } = await answer(api.GET('/v1/tasks', { params: { query: { state: 'running', limit: tasksAtMost } } }));
  if (nextCursor !== null) note(`There are more than these ${items.length}; name those you want to see.`);
  return items.map(({ id }) => id);
}

async function once(api: Api, ids: readonly string[], { output }: Options): Promise<void> {
  const samples = await Promise.all(
    ids.map((id) => answer(api.GET('/v1/tasks/{taskId}/stats', { params: { path: { taskId: id } } })) as Promise<TaskStats>),
  );
  if (output === 'json') for (const sample of samples) await print(JSON.stringify(sample));
  else await print(table(statsHead, samples.flatMap(statsRows)));
}

/** Draws the newest of each over what was drawn before, until the last has ended. */
async function live(api: Api, ids: readonly string[]): Promise<void> {
  const newest = new Map<string, TaskStats>();
  const draw = () => {
    const rows = ids.flatMap((id) => (newest.has(id) ? statsRows(newest.get(id) as TaskStats) : []));
    const clear = process.stdout.isTTY ? '\x1b[H\x1b[2J' : '';
    return rows.length > 0 ? write('stdout', `${clear}${table(statsHead, rows)}\n`) : Promise.resolve();
  };
  const timer = setInterval(() => void draw(), drawEveryMs);
  try {
    await Promise.all(
      ids.map(async (id) => {
        await follow(api, id, async (sample) => void newest.set(id, sample));
        newest.delete(id);
      }),
    );
  } finally {
    clearInterval(timer);
  }
}

/** Until the task has ended. @throws Failure when the stream breaks */
async function follow(api: Api, id: string, take: (sample: TaskStats) => Promise<void>): Promise<void> {
  for await (const { event, data } of await api.events(`/v1/tasks/${id}/stats`, { stream: 'true' })) {
    if (event === 'end') return;
    if (event === 'error') throw new Failure((JSON.parse(data) as { message: string }).message);
    await take(JSON.parse(data) as TaskStats);
  }
  throw new Failure('The connection ended before the task did.', { hint: 'Call it again; the task is not affected.' });
}
