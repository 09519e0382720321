// What the operator does about prices.
import type { PriceBookView } from '@berth/contract';
import type { Command } from 'commander';
import { answer } from '../client.js';
import { plainDecimal, sheet, table } from '../format.js';
import { readJson } from '../json-file.js';
import { operatorApi } from '../operator-api.js';
import { untilOption } from '../option-values.js';
import { note, print, printJson } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

interface AssignOptions extends CommonOptions {
  readonly from?: string;
  readonly discount?: string;
  readonly own?: string;
}

export function addPriceBook(program: Command): void {
  const book = program
    .command('price-book')
    .summary('Make price books, and say who has which (operators)')
    .description('Make price books, and say who has which (operators).');
  addVerb(book, 'ls', 'List price books, every version of each', [['berth price-book ls', 'by name, oldest version first']]).action(list);
  addVerb(book, 'show <name>', 'Show the prices of a book', [
    ['berth price-book show default', 'all versions'],
    ['berth price-book show default -o json', 'in the form that create takes'],
  ]).action(show);
  addVerb(book, 'create', 'Make a price book, or the next version of one', [
    ['berth price-book create --file docs/examples/fargate-us-east-1.json', 'AWS Fargate’s published prices'],
  ])
    .requiredOption('--file <path>', 'JSON: name, currency, startsAt, rates, … as in docs/billing.md')
    .action(create);
  addVerb(book, 'rm <name> <version>', 'Delete a version that is not in force yet', [
    ['berth price-book rm default 3', 'before it begins'],
  ]).action(remove);
  addVerb(book, 'assign <tenant> <book>', 'Give a tenant a price book from a time on', [
    ['berth price-book assign ID enterprise --from 2027-01-01', 'from then on (UTC)'],
    ['berth price-book assign ID default --discount 10 --own acme.json', '10 % off the bill, and prices of its own'],
  ])
    .option('--from <time>', 'a time, or how long from now (default: now)', (text) => untilOption(text, Date.now(), '--from'))
    .option('--discount <percent>', 'off the whole bill')
    .option('--own <path>', 'JSON with what differs from the book: rates, minimumMs, imagePull, …')
    .action(assign);
}

async function list({ context, output }: CommonOptions): Promise<void> {
  const { items } = await answer(operatorApi(context).GET('/v1/price-books'));
  if (output === 'json') return printJson(items);
  const rows = items.map((one) => [
    one.name,
    String(one.version),
    one.currency,
    one.startsAt,
    shortestTime(one),
    one.imagePull ? 'yes' : 'no',
  ]);
  await print(table(['BOOK', 'VERSION', 'CURRENCY', 'FROM', 'SHORTEST TIME', 'BILLS PULLS'], rows));
}

async function show(name: string, { context, output }: CommonOptions): Promise<void> {
  const { items } = await answer(operatorApi(context).GET('/v1/price-books/{priceBook}', { params: { path: { priceBook: name } } }));
  if (output === 'json') return printJson(items);
  for (const one of items) await print(`${bookSheet(one)}\n`);
}

async function create({ context, output, file }: CommonOptions & { file: string }): Promise<void> {
  const made = await answer(operatorApi(context).POST('/v1/price-books', { body: await readJson(file) }));
  await (output === 'json' ? printJson(made) : print(`${made.name}:${made.version}`));
}

async function remove(name: string, version: string, { context, output }: CommonOptions): Promise<void> {
  const path = { priceBook: name, version };
  const gone = await answer(operatorApi(context).DELETE('/v1/price-books/{priceBook}/versions/{version}', { params: { path } }));
  await (output === 'json' ? printJson(gone) : print(`${gone.name}:${gone.version}`));
}

async function assign(tenantId: string, book: string, { context, output, from, discount, own }: AssignOptions): Promise<void> {
  const body = {
    book,
    ...(from !== undefined && { startsAt: from }),
    ...(discount !== undefined && { discountPercent: discount }),
    ...(own !== undefined && { overrides: await readJson(own) }),
  };
  const contract = await answer(operatorApi(context).POST('/v1/tenants/{tenantId}/prices', { params: { path: { tenantId } }, body }));
  if (output === 'json') return printJson(contract);
  const newest = contract.prices.at(-1);
  note(`${newest?.book} from ${newest?.startsAt}, by the full hour.`);
}

/** For people: what a unit costs, and what else the book says. */
export function bookSheet(book: PriceBookView): string {
  const rates = book.rates.map((rate) => {
    const tiers = [rate.isolation, rate.capacityTier].filter((tier) => tier !== undefined).join(', ');
    const steps = (rate.steps ?? []).map(({ above, price }) => `${plainDecimal(price)} above ${plainDecimal(above)}`);
    return [rate.dimension, tiers || 'any', plainDecimal(rate.price), steps.join(', ')];
  });
  const free = Object.entries(book.freeAllowance).map(([dimension, quantity]) => `${quantity} of ${dimension}`);
  const terms = sheet([
    ['Book', `${book.name}:${book.version}, from ${book.startsAt}`],
    ['Currency', book.currency],
    ['Shortest time', shortestTime(book)],
    ['Image pulls', book.imagePull ? 'billed' : 'free'],
    ['Free disk', `${book.freeDiskMiB} MiB a task`],
    ['Spot', `${plainDecimal(book.spotDiscountPercent)} % off`],
    ['Free a month', free.join(', ') || null],
  ]);
  return `${terms}\n\n${table(['DIMENSION', 'TIERS', 'PRICE', 'STEPS'], rates)}`;
}

function shortestTime({ minimumMs }: PriceBookView): string {
  return minimumMs === 0 ? 'none' : `${minimumMs / 1000} s`;
}
