import { limits, type TaskState, taskStates } from '@berth/contract';
import type { Command } from 'commander';
import { answer, connect } from '../client.js';
import { currentContext } from '../config.js';
import { usage } from '../failure.js';
import { table } from '../format.js';
import { keyValue, wholeNumber } from '../option-values.js';
import { taskHead, taskRow } from '../task-row.js';
import { note, print, printJson } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

interface Options extends CommonOptions {
  readonly all?: boolean;
  readonly state?: string;
  readonly tag?: Record<string, string>;
  readonly name?: string;
  readonly limit: number;
  readonly quiet?: boolean;
}

export function addPs(program: Command): void {
  addVerb(program, 'ps', 'List tasks, newest first', [
    ['berth ps', 'what waits and runs'],
    ['berth ps -a --tag team=web', 'also what has stopped, of one team'],
    ['berth stop $(berth ps -q --name web)', 'stop all tasks of a name'],
  ])
    .option('-a, --all', 'also the stopped ones')
    .option('--state <states>', `only these, separated by commas: ${taskStates.join(', ')}`)
    .option('--tag <key=value>', 'only tasks with this tag', keyValue('--tag'))
    .option('--name <name>', 'only tasks of this name')
    .option('--limit <n>', 'how many', wholeNumber('--limit', 1, 10_000), 100)
    .option('-q, --quiet', 'only the ids')
    .action(ps);
}

async function ps(options: Options): Promise<void> {
  const query = filtersOf(options);
  const { items, more } = await newest(options, query);
  if (options.output === 'json') return printJson(items);
  if (options.quiet) return items.length > 0 ? print(items.map((task) => task.id).join('\n')) : undefined;
  const now = Date.now();
  await print(
    table(
      taskHead,
      items.map((task) => taskRow(task, now)),
    ),
  );
  if (more) note(`There are more than these ${items.length}; --limit shows them.`);
}

function filtersOf({ all, state, tag, name }: Options) {
  const states = state?.split(',') ?? (all ? null : taskStates.filter((one) => one !== 'stopped'));
  const unknown = states?.find((one) => !taskStates.includes(one as TaskState));
  if (unknown !== undefined) throw usage(`There is no state "${unknown}".`, `There are: ${taskStates.join(', ')}.`);
  const tags = Object.entries(tag ?? {});
  if (tags.length > 1) throw usage('--tag can be given once.');
  return {
    ...(states && { state: states.join(',') }),
    ...(tags[0] && { tag: tags[0].join('=') }),
    ...(name !== undefined && { name }),
  };
}

async function newest({ context, limit }: Options, filters: ReturnType<typeof filtersOf>) {
  const api = connect(currentContext(context));
  const items = [];
  let cursor: string | null = null;
  do {
    const query: { limit: number; cursor?: string } = {
      ...filters,
      limit: Math.min(limits.page.max, limit - items.length),
      ...(cursor && { cursor }),
    };
    const page: { items: Parameters<typeof taskRow>[0][]; nextCursor: string | null } = await answer(
      api.GET('/v1/tasks', { params: { query } }),
    );
    items.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== null && items.length < limit);
  return { items, more: cursor !== null };
}
