import { readFileSync } from 'node:fs';
import type { CreatePool, Machine, Pool } from '@berth/contract';
import type { Command } from 'commander';
import { type Api, answer, connect } from '../client.js';
import { currentContext } from '../config.js';
import { Failure, usage } from '../failure.js';
import { ago, plainDecimal, table } from '../format.js';
import { durationOption, wholeNumber } from '../option-values.js';
import { print, printJson } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

interface UpdateOptions extends CommonOptions {
  readonly min?: number;
  readonly max?: number;
  readonly idle?: number;
  /** Milliseconds. */
  readonly cooldown?: number;
}

export function addPool(program: Command): void {
  const pool = program
    .command('pool')
    .summary('Let Berth start and end machines at EC2 (operators)')
    .description('Let Berth start and end machines at EC2 (operators).');
  addVerb(pool, 'ls', 'List pools, their machines and what they cost', [['berth pool ls', 'every pool']]).action(list);
  addVerb(pool, 'create', 'Make a pool', [
    ['berth pool create -f pool.json', 'from a file (JSON; its fields are at /docs)'],
    ['terraform output -raw pool | berth pool create -f -', 'as infra/terraform describes it'],
  ])
    .requiredOption('-f, --file <path>', 'the pool as JSON; "-" is standard input')
    .action(create);
  const many = (option: string) => wholeNumber(option, 0, 5000);
  addVerb(pool, 'update <pool>', 'Change how many machines a pool has, and how soon they leave', [
    ['berth pool update main --min 2 --max 50', 'never fewer than 2 machines, never more than 50'],
    ['berth pool update main --min 0 --max 0 --idle 0', 'lets all of them go'],
  ])
    .option('--min <n>', 'so many are always kept', many('--min'))
    .option('--max <n>', 'never more', many('--max'))
    .option('--idle <n>', 'so many are kept without tasks', many('--idle'))
    .option('--cooldown <time>', 'a machine leaves when it was not needed for so long', durationOption('--cooldown'))
    .action(update);
  addVerb(pool, 'machines <pool>', 'List a pool’s machines, the newest first, and why they came and went', [
    ['berth pool machines main', 'the newest 50'],
  ]).action(machines);
  addVerb(pool, 'rm <pool>', 'Delete a pool that has no machines', [['berth pool rm main', '']]).action(remove);
}

const api = ({ context }: CommonOptions): Api => connect(currentContext(context), { as: 'operator' });
const at = (pool: string) => ({ params: { path: { pool } } });

async function list(options: CommonOptions): Promise<void> {
  const { items } = await answer(api(options).GET('/v1/pools'));
  if (options.output === 'json') return printJson(items);
  const head = ['POOL', 'MACHINES', 'COMING', 'LEAVING', 'MIN', 'MAX', 'IDLE', 'PER HOUR', 'TYPES', 'EC2 IS OUT OF'];
  await print(table(head, items.map(poolRow)));
}

function poolRow(pool: Pool): string[] {
  const { requested, launched, joined, draining, ending } = pool.machines;
  return [
    pool.name,
    String(joined),
    String(requested + launched),
    String(draining + ending),
    ...[pool.minHosts, pool.maxHosts, pool.idleHosts].map(String),
    plainDecimal(pool.hourlyPrice),
    pool.instanceTypes.map(({ name }) => name).join(' '),
    pool.shortages.map(({ instanceType, zone, market }) => `${instanceType} in ${zone} (${market})`).join(', '),
  ];
}

async function create({ file, ...options }: CommonOptions & { readonly file: string }): Promise<void> {
  const pool = await answer(api(options).POST('/v1/pools', { body: readPool(file) }));
  await (options.output === 'json' ? printJson(pool) : print(pool.name));
}

async function update(name: string, { min, max, idle, cooldown, ...options }: UpdateOptions): Promise<void> {
  const body = {
    ...(min !== undefined && { minHosts: min }),
    ...(max !== undefined && { maxHosts: max }),
    ...(idle !== undefined && { idleHosts: idle }),
    ...(cooldown !== undefined && { cooldownSeconds: Math.round(cooldown / 1000) }),
  };
  if (Object.keys(body).length === 0) throw usage('There is nothing to change.', 'Give --min, --max, --idle or --cooldown.');
  const pool = await answer(api(options).PATCH('/v1/pools/{pool}', { ...at(name), body }));
  await (options.output === 'json' ? printJson(pool) : print(pool.name));
}

async function machines(name: string, options: CommonOptions): Promise<void> {
  const { items } = await answer(api(options).GET('/v1/pools/{pool}/machines', at(name)));
  if (options.output === 'json') return printJson(items);
  const now = Date.now();
  const head = ['MACHINE', 'STATE', 'TYPE', 'ZONE', 'MARKET', 'INSTANCE', 'HOST', 'ASKED FOR', 'WHY', 'LEAVES BECAUSE'];
  await print(
    table(
      head,
      items.map((one) => machineRow(one, now)),
    ),
  );
}

function machineRow(one: Machine, nowMs: number): string[] {
  return [
    one.id.slice(0, 8),
    one.state,
    one.instanceType,
    one.zone,
    one.market,
    one.instanceId ?? '',
    one.hostId?.slice(0, 8) ?? '',
    ago(one.requestedAt, nowMs),
    one.reason,
    one.endReason ?? '',
  ];
}

async function remove(name: string, options: CommonOptions): Promise<void> {
  const pool = await answer(api(options).DELETE('/v1/pools/{pool}', at(name)));
  await (options.output === 'json' ? printJson(pool) : print(pool.name));
}

/** Only whether it is JSON is looked at here; the API says what is wrong in it, field by field. */
function readPool(file: string): CreatePool {
  let text: string;
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    throw usage(`${file} cannot be read: ${(error as Error).message}.`);
  }
  try {
    return JSON.parse(text) as CreatePool;
  } catch (error) {
    throw new Failure(`${file} is not valid JSON: ${(error as Error).message}.`, { exitCode: 2, cause: error });
  }
}
