import { type Quota, type QuotaName, quotaNames } from '@berth/contract';
import type { Command } from 'commander';
import { answer, connect } from '../client.js';
import { currentContext } from '../config.js';
import { usage } from '../failure.js';
import { table } from '../format.js';
import { print, printJson } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

export function addQuota(program: Command): void {
  const quota = addVerb(program, 'quota', 'Show what is used, and how much may be', [
    ['berth quota', 'of this tenant'],
    ['berth quota --tenant 3f0e6a52-…', 'of another (operators)'],
    ['berth quota set 3f0e6a52-… tasks=100 memoryMiB=65536', 'sets some of them (operators)'],
  ])
    .option('--tenant <id>', 'of this tenant (operators)')
    .action(show);
  addVerb(quota, 'set <tenant> <limit...>', 'Set quotas of a tenant, or of all that have none of their own (operators)', [
    ['berth quota set 3f0e6a52-… tasks=100 cpuMillis=none', 'none: no limit, whatever the default is'],
    ['berth quota set 3f0e6a52-… tasks=default', 'as the default says'],
    ['berth quota set defaults tasks=20 launchesPerMinute=60', 'for tenants that have none of their own'],
  ]).action(set);
}

async function show({ context, output, tenant }: CommonOptions & { tenant?: string }): Promise<void> {
  const place = currentContext(context);
  const path = { tenantId: tenant ?? '' };
  const { items } = await (tenant === undefined
    ? answer(connect(place).GET('/v1/quotas'))
    : answer(connect(place, { as: 'operator' }).GET('/v1/tenants/{tenantId}/quotas', { params: { path } })));
  await printQuotas(items, output);
}

async function set(tenant: string, words: string[], { context, output }: CommonOptions): Promise<void> {
  const api = connect(currentContext(context), { as: 'operator' });
  const limits = Object.fromEntries(words.map(limitOf));
  const path = { tenantId: tenant };
  const { items } = await (tenant === 'defaults'
    ? answer(api.PATCH('/v1/quota-defaults', { body: limits as Record<QuotaName, number | null> }))
    : answer(api.PATCH('/v1/tenants/{tenantId}/quotas', { params: { path }, body: limits })));
  await printQuotas(items, output);
}

function limitOf(word: string): [QuotaName, number | null | 'default'] {
  const [name = '', text = ''] = word.split('=');
  const known = quotaNames.find((one) => one === name);
  if (!known) throw usage(`There is no quota "${name}".`, `There are: ${quotaNames.join(', ')}.`);
  if (text === 'none') return [known, null];
  if (text === 'default') return [known, 'default'];
  if (!/^\d{1,15}$/.test(text)) throw usage(`"${word}" sets no limit.`, `Write ${name}=100, ${name}=none or ${name}=default.`);
  return [known, Number(text)];
}

async function printQuotas(items: readonly Quota[], output: CommonOptions['output']): Promise<void> {
  if (output === 'json') return printJson(items);
  const rows = items.map(({ name, limit, used, unit, isDefault }) => [
    name,
    used === null ? '' : String(used),
    limit === null ? 'none' : String(limit),
    unit,
    isDefault ? 'default' : '',
  ]);
  await print(table(['QUOTA', 'USED', 'LIMIT', 'UNIT', ''], rows));
}
