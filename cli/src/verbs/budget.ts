import type { Budget } from '@berth/contract';
import type { Command } from 'commander';
import { answer, connect } from '../client.js';
import { currentContext } from '../config.js';
import { usage } from '../failure.js';
import { ago, plainDecimal, table } from '../format.js';
import { keyValue } from '../option-values.js';
import { submitterIdOf } from '../submitters.js';
import { print, printJson } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

interface CreateOptions extends CommonOptions {
  readonly at?: string;
  readonly stop?: boolean;
  readonly email?: string[];
  readonly webhook?: string;
  readonly webhookSecret?: string;
  readonly tag: Readonly<Record<string, string>>;
  readonly definition?: string;
  readonly group?: string;
  readonly user?: string;
}

const several = (value: string, before: string[] = []) => [...before, value];

export function addBudget(program: Command): void {
  const budget = program
    .command('budget')
    .summary('Be told, or stopped, before a month gets too dear')
    .description('Be told, or stopped, before a month gets too dear.');
  addVerb(budget, 'create <name> <amount>', 'Make a budget for each month', [
    ['berth budget create all 500 --email cfo@example.com', 'told at 50, 80 and 100 %'],
    ['berth budget create team-a 50 --tag team=a --at 90,100 --stop', 'no new tasks of the team once it is spent'],
  ])
    .option('--at <percents>', 'thresholds (default 50,80,100)')
    .option('--stop', 'take no new tasks that it counts once it is spent')
    .option('--email <address>', 'whom to tell; may be given again', several)
    .option('--webhook <url>', 'where to tell it by POST')
    .option('--webhook-secret <secret>', 'signs what is sent there')
    .option('--tag <key=value>', 'count only what has this tag', keyValue('--tag'), {})
    .option('--definition <family>', 'count only this family, or family:revision')
    .option('--group <name>', 'count only this service or job')
    .option('--user <who>', 'count only what this user (e-mail address) or API key (name) has submitted')
    .action(create);
  addVerb(budget, 'ls', 'List budgets', [['berth budget ls', 'and whether they stop new work']]).action(list);
  addVerb(budget, 'alerts', 'Show what was reached, and who was told', [['berth budget alerts', 'newest first']]).action(alerts);
  addVerb(budget, 'rm <name>', 'Delete a budget', [['berth budget rm all', 'with its alerts']]).action(remove);
}

async function create(name: string, amount: string, options: CreateOptions): Promise<void> {
  const { context, output, webhook, webhookSecret, email, at, stop } = options;
  if ((webhook === undefined) !== (webhookSecret === undefined)) throw usage('--webhook and --webhook-secret go together.');
  const api = connect(currentContext(context));
  const body = {
    name,
    amount,
    scope: { ...scopeOf(options), ...(options.user !== undefined && { user: await submitterIdOf(api, options.user) }) },
    ...(at !== undefined && { thresholds: at.split(',').map(Number) }),
    ...(stop && { stopsNewWork: true }),
    ...(email && { emails: email }),
    ...(webhook !== undefined && webhookSecret !== undefined && { webhook: { url: webhook, secret: webhookSecret } }),
  };
  const made = await answer(api.POST('/v1/budgets', { body }));
  await (output === 'json' ? printJson(made) : print(made.name));
}

function scopeOf({ tag, definition, group }: CreateOptions): Budget['scope'] {
  const tags = Object.entries(tag);
  if (tags.length > 1) throw usage('A budget counts one tag: give --tag once.');
  const [first] = tags;
  return {
    ...(first && { tag: { key: first[0], value: first[1] } }),
    ...(definition !== undefined && { definition }),
    ...(group !== undefined && { group }),
  };
}

async function list({ context, output }: CommonOptions): Promise<void> {
  const { items } = await answer(connect(currentContext(context)).GET('/v1/budgets'));
  if (output === 'json') return printJson(items);
  const rows = items.map(({ name, amount, scope, thresholds, stopsNewWork, exhausted }) => [
    name,
    plainDecimal(amount),
    countsOf(scope),
    thresholds.map((one) => `${one} %`).join(', '),
    stopsNewWork ? (exhausted ? 'stopped' : 'yes') : 'no',
  ]);
  await print(table(['BUDGET', 'A MONTH', 'COUNTS', 'TELLS AT', 'STOPS NEW WORK'], rows));
}

function countsOf({ definition, group, user, tag }: Budget['scope']): string {
  const parts = [definition, group, user, tag && `${tag.key}=${tag.value}`].filter((part) => part !== undefined);
  return parts.length > 0 ? parts.join(', ') : 'everything';
}

async function alerts({ context, output }: CommonOptions): Promise<void> {
  const { items } = await answer(connect(currentContext(context)).GET('/v1/budget-alerts'));
  if (output === 'json') return printJson(items);
  const rows = items.map(({ budget, threshold, spent, amount, at, deliveries }) => [
    budget,
    `${threshold} %`,
    `${plainDecimal(spent)} of ${plainDecimal(amount)}`,
    ago(at, Date.now()),
    deliveries.map(({ target, deliveredAt, failure }) => `${target}: ${deliveredAt ? 'told' : (failure ?? 'waits')}`).join('; '),
  ]);
  await print(table(['BUDGET', 'REACHED', 'SPENT', 'WHEN', 'TOLD'], rows));
}

async function remove(name: string, { context, output }: CommonOptions): Promise<void> {
  await answer(connect(currentContext(context)).DELETE('/v1/budgets/{budgetName}', { params: { path: { budgetName: name } } }));
  await (output === 'json' ? printJson({ name }) : print(name));
}
