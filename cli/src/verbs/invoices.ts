// Invoices: what was billed, line by line, and as files.
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Invoice, InvoiceDetail } from '@berth/contract';
import { limits } from '@berth/contract';
import { type Command, Option } from 'commander';
import { type Api, answer, connect } from '../client.js';
import { currentContext } from '../config.js';
import { Failure } from '../failure.js';
import { money, sheet, table } from '../format.js';
import { invoiceRow, lineRow } from '../invoice-rows.js';
import { note, print, printJson, write } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

interface ShowOptions extends CommonOptions {
  readonly by: string;
}
interface FileOptions extends ShowOptions {
  readonly file?: string;
}

const byOption = () => new Option('--by <what>', 'service, definition, user, dimension or tag:KEY').default('service');

export function addInvoices(program: Command): void {
  const invoices = program.command('invoices').summary('Show invoices').description('Shows invoices, and saves them as files.');
  addVerb(invoices, 'ls', 'List invoices and credit notes, newest first; the open month is a draft', [
    ['berth invoices ls', 'the draft and what was closed'],
    ["berth invoices ls -o json | jq -r '.[].total'", 'what they come to'],
  ]).action(list);
  addVerb(invoices, 'show [invoice]', 'Show an invoice line by line; without a number, the draft', [
    ['berth invoices show', 'the open month so far'],
    ['berth invoices show INV-000042 --by tag:team', 'what each team used'],
  ])
    .addOption(byOption())
    .action(show);
  for (const [kind, what] of files) {
    const verb = addVerb(invoices, `${kind} [invoice]`, `Save an invoice as ${what}; without a number, the draft`, [
      [`berth invoices ${kind} INV-000042`, 'into a file of that name here'],
      [`berth invoices ${kind} INV-000042 --file -`, 'to standard output'],
    ]).option('--file <path>', 'where to; "-" for standard output');
    if (kind === 'pdf') verb.addOption(byOption());
    verb.action((name: string | undefined, options: FileOptions) => save(kind, name, options));
  }
}

const files = [
  ['pdf', 'PDF'],
  ['csv', 'CSV, every line of it'],
  ['focus', 'CSV in the form of FOCUS 1.2'],
] as const;
type FileKind = (typeof files)[number][0];

async function list({ context, output }: CommonOptions): Promise<void> {
  const api = connect(currentContext(context));
  const { items, nextCursor } = await answer(api.GET('/v1/invoices', { params: { query: { limit: limits.page.max } } }));
  if (output === 'json') return printJson(items);
  await print(table(['INVOICE', 'MONTH', 'KIND', 'STATE', 'TOTAL', 'DUE'], items.map(invoiceRow)));
  if (nextCursor !== null) note(`There are more than these ${items.length}.`);
}

async function show(name: string | undefined, { context, output, by }: ShowOptions): Promise<void> {
  const api = connect(currentContext(context));
  const { id } = await find(api, name);
  const params = { path: { invoiceId: id }, query: { groupBy: by } };
  const invoice: InvoiceDetail = await answer(api.GET('/v1/invoices/{invoiceId}', { params }));
  if (output === 'json') return printJson(invoice);
  await print(
    sheet([
      ['Invoice', invoice.number ?? 'draft'],
      ['Corrects', invoice.correctsNumber],
      ['Reason', invoice.reason],
      ['Month', `${invoice.period}, ${invoice.startsAt} to ${invoice.endsAt} (${invoice.timeZone})`],
      ['Billed to', invoice.buyer.name],
      ['Lines', money(invoice.exact, invoice.currency)],
      ['Subtotal', money(invoice.subtotal, invoice.currency)],
      [`${invoice.taxName} ${invoice.taxRate} %`, Number(invoice.taxRate) === 0 ? null : money(invoice.tax, invoice.currency)],
      ['Total', money(invoice.total, invoice.currency)],
      ['Due', invoice.dueAt?.slice(0, 10) ?? null],
      ['Prices', invoice.priceBooks.join(', ') || null],
    ]),
  );
  const rows = invoice.groups.flatMap((group) => group.lines.map((line) => lineRow(group.label ?? group.name, line)));
  if (rows.length > 0) await print(`\n${table([by.toUpperCase(), 'KIND', 'WHAT', 'QUANTITY', 'PRICE', 'AMOUNT', 'NOTE'], rows)}`);
}

async function save(kind: FileKind, name: string | undefined, { context, file, by }: FileOptions): Promise<void> {
  const api = connect(currentContext(context));
  const invoice = await find(api, name);
  const path = { invoiceId: invoice.id };
  const body = await contentOf(api, kind, path, by);
  if (file === '-') {
    for await (const part of body) await write('stdout', part as Uint8Array);
    return;
  }
  const target = file ?? `${invoice.number ?? `draft-${invoice.period}`}${kind === 'focus' ? '-focus.csv' : `.${kind}`}`;
  await pipeline(body, createWriteStream(target));
  note(`Saved ${target}.`);
}

async function contentOf(api: Api, kind: FileKind, path: { invoiceId: string }, groupBy: string): Promise<Readable> {
  const asStream = { parseAs: 'stream' } as const;
  const calls = {
    pdf: () => answer(api.GET('/v1/invoices/{invoiceId}/pdf', { params: { path, query: { groupBy } }, ...asStream })),
    csv: () => answer(api.GET('/v1/invoices/{invoiceId}/csv', { params: { path }, ...asStream })),
    focus: () => answer(api.GET('/v1/invoices/{invoiceId}/focus', { params: { path }, ...asStream })),
  };
  const stream = (await calls[kind]()) as unknown as Parameters<typeof Readable.fromWeb>[0];
  return Readable.fromWeb(stream);
}

/** By number, by the beginning of an id, by month; without a name, the draft. @throws Failure */
async function find(api: Api, name: string | undefined): Promise<Invoice> {
  const { items } = await answer(api.GET('/v1/invoices', { params: { query: { limit: limits.page.max } } }));
  const fits = (one: Invoice) =>
    name === undefined
      ? one.state === 'draft'
      : one.number === name || one.id.startsWith(name) || (one.kind === 'invoice' && one.period === name);
  const found = items.filter(fits);
  const [invoice] = found;
  if (!invoice) throw new Failure(`There is no invoice ${name ?? 'open'}.`, { hint: '"berth invoices ls" shows what there is.' });
  if (found.length > 1) throw new Failure(`${name} fits ${found.length} invoices.`, { hint: 'Type its number.' });
  return invoice;
}
