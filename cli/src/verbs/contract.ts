// What is agreed about bills: tenants read it, operators agree to it.
import type { ContractTermView, ContractView } from '@berth/contract';
import type { Command } from 'commander';
import { answer, connect } from '../client.js';
import { currentContext } from '../config.js';
import { cpu, memory, money, plainDecimal, table } from '../format.js';
import { operatorApi } from '../operator-api.js';
import { cpuOption, memoryOption, untilOption, wholeNumber } from '../option-values.js';
import { print, printJson } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';
import { bookSheet } from './price-book.js';

interface SpanOptions extends CommonOptions {
  readonly from?: string;
  readonly until?: string;
}
interface CommitOptions extends SpanOptions {
  readonly until: string;
  readonly perHour: string;
  readonly discount: string;
}
interface ReserveOptions extends SpanOptions {
  readonly until: string;
  readonly cpu: number;
  readonly memory: number;
  readonly gpus: number;
  readonly isolation: 'container' | 'sandbox';
  readonly tier: 'guaranteed' | 'flex' | 'spot';
  readonly discount: string;
}

export function addContract(program: Command): void {
  const contract = addVerb(program, 'contract', 'Show prices, commitments, reservations and credits', [
    ['berth contract', 'of this tenant'],
    ['berth contract --tenant ID', 'of another (operators)'],
  ])
    .option('--tenant <id>', 'of this tenant (operators)')
    .action(show);
  const from = (verb: Command) => verb.option('--from <time>', 'a time, or how long from now (default: now)', at('--from'));
  from(
    addVerb(contract, 'commit <tenant> <name>', 'Agree to an amount for every hour, that buys usage at a discount (operators)', [
      ['berth contract commit ID 2027 --per-hour 5 --discount 20 --until 365d', '5 an hour, used or not, buys at 20 % less'],
    ]),
  )
    .requiredOption('--per-hour <amount>', 'in the currency of the tenant’s price book')
    .requiredOption('--discount <percent>', 'off the prices of what it buys')
    .requiredOption('--until <time>', 'a time, or how long from now', at('--until'))
    .action(commit);
  from(
    addVerb(contract, 'reserve <tenant> <name>', 'Agree to capacity that is billed whether used or not (operators)', [
      ['berth contract reserve ID core --cpu 64 --memory 256Gi --discount 30 --until 2028-01-01', 'covers guaranteed tasks'],
    ]),
  )
    .option('-c, --cpu <cpus>', '500m, 64', cpuOption, 0)
    .option('-m, --memory <size>', '512, 256Gi', memoryOption, 0)
    .option('--gpus <n>', 'GPUs', wholeNumber('--gpus', 0, 100_000), 0)
    .option('--isolation <tier>', 'container or sandbox', 'container')
    .option('--tier <tier>', 'guaranteed, flex or spot', 'guaranteed')
    .option('--discount <percent>', 'off the prices of the book', '0')
    .requiredOption('--until <time>', 'a time, or how long from now', at('--until'))
    .action(reserve);
  from(
    addVerb(contract, 'credit <tenant> <name> <amount>', 'Grant money that bills use up first (operators)', [
      ['berth contract credit ID welcome 100', 'until it is used up'],
      ['berth contract credit ID amends-T-7 12.50 --until 90d', 'for bills of months that begin before'],
    ]),
  )
    .option('--until <time>', 'a time, or how long from now (default: until it is used up)', at('--until'))
    .action(credit);
  addVerb(contract, 'end <tenant> <id>', 'End a commitment, reservation or credit early (operators)', [
    ['berth contract end ID TERM', 'now, or with --at later'],
  ])
    .option('--at <time>', 'a time, or how long from now (default: now)', at('--at'))
    .action(end);
  addVerb(contract, 'rm <tenant> <id>', 'Take back what no closed month has counted (operators)', [
    ['berth contract rm ID TERM', 'as if it had never been agreed'],
  ]).action(remove);
}

function at(option: string): (text: string) => string {
  return (text) => untilOption(text, Date.now(), option);
}

async function show({ context, output, tenant }: CommonOptions & { tenant?: string }): Promise<void> {
  const contract = await (tenant === undefined
    ? answer(connect(currentContext(context)).GET('/v1/contract'))
    : answer(operatorApi(context).GET('/v1/tenants/{tenantId}/contract', { params: { path: { tenantId: tenant } } })));
  if (output === 'json') return printJson(contract);
  for (const { book } of contract.books) await print(`${bookSheet(book)}\n`);
  await print(`${inWords(contract)}`);
}

async function commit(tenantId: string, name: string, options: CommitOptions): Promise<void> {
  const body = { name, ...span(options), endsAt: options.until, amountPerHour: options.perHour, discountPercent: options.discount };
  const path = { tenantId };
  await told(options, await answer(operatorApi(options.context).POST('/v1/tenants/{tenantId}/commitments', { params: { path }, body })));
}

async function reserve(tenantId: string, name: string, options: ReserveOptions): Promise<void> {
  const { isolation, tier: capacityTier, cpu: cpuMillis, memory: memoryMiB, gpus, discount: discountPercent } = options;
  const body = { name, ...span(options), endsAt: options.until, isolation, capacityTier, cpuMillis, memoryMiB, gpus, discountPercent };
  const path = { tenantId };
  await told(options, await answer(operatorApi(options.context).POST('/v1/tenants/{tenantId}/reservations', { params: { path }, body })));
}

async function credit(tenantId: string, name: string, amount: string, options: SpanOptions): Promise<void> {
  const body = { name, ...span(options), endsAt: options.until ?? null, amount };
  const path = { tenantId };
  await told(options, await answer(operatorApi(options.context).POST('/v1/tenants/{tenantId}/credits', { params: { path }, body })));
}

async function end(tenantId: string, termId: string, options: CommonOptions & { at?: string }): Promise<void> {
  const body = options.at === undefined ? {} : { endsAt: options.at };
  const path = { tenantId, termId };
  await told(
    options,
    await answer(operatorApi(options.context).POST('/v1/tenants/{tenantId}/contract-terms/{termId}/end', { params: { path }, body })),
  );
}

async function remove(tenantId: string, termId: string, options: CommonOptions): Promise<void> {
  const path = { tenantId, termId };
  await told(
    options,
    await answer(operatorApi(options.context).DELETE('/v1/tenants/{tenantId}/contract-terms/{termId}', { params: { path } })),
  );
}

function span({ from }: SpanOptions): { startsAt?: string } {
  return from === undefined ? {} : { startsAt: from };
}

async function told({ output }: CommonOptions, term: ContractTermView): Promise<void> {
  await (output === 'json' ? printJson(term) : print(term.id));
}

function inWords({ currency, timeZone, prices, commitments, reservations, credits }: ContractView): string {
  const agreed = prices.map(({ startsAt, book, discountPercent, overrides }) => [
    startsAt,
    book,
    `${plainDecimal(discountPercent)} %`,
    Object.keys(overrides).join(', '),
  ]);
  const terms = [...commitments, ...reservations, ...credits].map((term) => [
    term.kind,
    term.name,
    whatOf(term, currency),
    term.startsAt,
    term.endsAt ?? '',
    term.id,
  ]);
  return [
    `Months and hours are those of ${timeZone}.`,
    ...(agreed.length > 0 ? [table(['FROM', 'BOOK', 'DISCOUNT', 'OWN'], agreed)] : []),
    ...(terms.length > 0 ? [table(['KIND', 'NAME', 'WHAT', 'FROM', 'UNTIL', 'ID'], terms)] : []),
  ].join('\n\n');
}

function whatOf(term: ContractTermView, currency: string): string {
  if (term.kind === 'credit') return `${money(term.left, currency)} of ${money(term.amount, currency)} left`;
  const less = `${plainDecimal(term.discountPercent)} % off`;
  if (term.kind === 'commitment') return `${money(term.amountPerHour, currency)} an hour, ${less}`;
  const gpus = term.gpus > 0 ? `, ${term.gpus} GPUs` : '';
  return `${cpu(term.cpuMillis)} CPU, ${memory(term.memoryMiB)}${gpus} (${term.isolation}, ${term.capacityTier}), ${less}`;
}
