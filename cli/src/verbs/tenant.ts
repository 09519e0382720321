import type { Command } from 'commander';
import { allPages } from '../all-pages.js';
import { type Api, answer } from '../client.js';
import { Failure } from '../failure.js';
import { table } from '../format.js';
import { operatorApi } from '../operator-api.js';
import { wholeNumber } from '../option-values.js';
import { print, printJson } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

export function addTenant(program: Command): void {
  const tenant = program
    .command('tenant')
    .summary('List tenants and set their share of the queue (operators)')
    .description('List tenants and set their share of the queue (operators).');
  addVerb(tenant, 'ls', 'List tenants', [['berth tenant ls', 'with ids and weights']]).action(list);
  addVerb(tenant, 'set <tenant>', 'Change a tenant', [
    ['berth tenant set payments --weight 3', 'may hold three times what one of weight 1 may, when tasks wait'],
  ])
    .requiredOption('--weight <n>', 'its share when tasks of several tenants wait: 1 to 1000', wholeNumber('--weight', 1, 1000))
    .action(set);
}

async function list({ context, output }: CommonOptions): Promise<void> {
  const items = await all(operatorApi(context));
  if (output === 'json') return printJson(items);
  const rows = items.map(({ id, name, placementWeight }) => [name, id, `${placementWeight}`]);
  await print(table(['NAME', 'ID', 'WEIGHT'], rows));
}

async function set(words: string, { context, output, weight }: CommonOptions & { weight: number }): Promise<void> {
  const api = operatorApi(context);
  const tenant = (await all(api)).find(({ id, name }) => name === words || id === words);
  if (!tenant) throw new Failure(`There is no tenant "${words}".`, { hint: '"berth tenant ls" lists them.' });
  const path = { tenantId: tenant.id };
  const changed = await answer(api.PATCH('/v1/tenants/{tenantId}', { params: { path }, body: { placementWeight: weight } }));
  await (output === 'json' ? printJson(changed) : print(changed.name));
}

function all(api: Api) {
  return allPages((query) => answer(api.GET('/v1/tenants', { params: { query } })));
}
