// What the operator does about invoices.
import type { BillingDetails } from '@berth/contract';
import { limits } from '@berth/contract';
import type { Command } from 'commander';
import { answer } from '../client.js';
import { Failure } from '../failure.js';
import { money, sheet, table } from '../format.js';
import { invoiceRow } from '../invoice-rows.js';
import { readJson } from '../json-file.js';
import { operatorApi } from '../operator-api.js';
import { note, print, printJson } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

interface CreditOptions extends CommonOptions {
  readonly reason: string;
  readonly reference: string;
  readonly amount?: string;
}
interface SetOptions extends CommonOptions {
  readonly file?: string;
}
interface ListOptions extends CommonOptions {
  readonly tenant?: string;
}

export function addBilling(program: Command): void {
  const billing = program
    .command('billing')
    .summary('Close months, credit and verify invoices (operators)')
    .description('The operator’s side of invoices.');
  addVerb(billing, 'ls', 'List closed invoices of all tenants, newest first', [['berth billing ls --tenant ID', 'of one tenant']])
    .option('--tenant <id>', 'only this tenant’s')
    .action(list);
  addVerb(billing, 'close <tenant>', 'Close the months of a tenant that are over', [
    ['berth billing close 3f0e6a52-…', 'without waiting for what may still come late'],
  ]).action(close);
  addVerb(billing, 'credit <invoice>', 'Issue a credit note for an invoice, by its id', [
    ['berth billing credit ID --reference T-1 --reason "outage of 3 November" --amount 12.50', 'an amount before tax'],
    ['berth billing credit ID --reference T-2 --reason "wrong customer"', 'all that is left of it'],
  ])
    .requiredOption('--reference <name>', 'your name for it; the same name again makes no second one')
    .requiredOption('--reason <text>', 'printed on it')
    .option('--amount <decimal>', 'before tax')
    .action(credit);
  addVerb(billing, 'verify <invoice>', 'Rate an invoice again from the raw records and compare every byte', [
    ['berth billing verify ID', 'exits 1 if anything differs'],
  ]).action(verify);
  addVerb(billing, 'details <tenant>', 'Show a tenant’s billing details, or set them', [
    ['berth billing details ID', 'name, address, tax, currency, time zone'],
    ['berth billing details ID --file acme.json', 'sets all of them'],
  ])
    .option('--file <path>', 'JSON with what they are to be')
    .action(details);
  addVerb(billing, 'seller', 'Show who sells, or set it', [['berth billing seller --file us.json', 'sets all of it']])
    .option('--file <path>', 'JSON with what it is to be')
    .action(seller);
}

async function list({ context, output, tenant }: ListOptions): Promise<void> {
  const query = { limit: limits.page.max, ...(tenant !== undefined && { tenantId: tenant }) };
  const { items, nextCursor } = await answer(operatorApi(context).GET('/v1/billing/invoices', { params: { query } }));
  if (output === 'json') return printJson(items);
  const rows = items.map((one) => [one.tenant, ...invoiceRow(one), one.id]);
  await print(table(['TENANT', 'INVOICE', 'MONTH', 'KIND', 'STATE', 'TOTAL', 'DUE', 'ID'], rows));
  if (nextCursor !== null) note(`There are more than these ${items.length}; --tenant narrows them.`);
}

async function close(tenantId: string, { context, output }: CommonOptions): Promise<void> {
  const { items } = await answer(operatorApi(context).POST('/v1/billing/close', { body: { tenantId } }));
  if (output === 'json') return printJson(items);
  if (items.length === 0) return note('Closed; there was nothing to bill.');
  await print(table(['INVOICE', 'MONTH', 'KIND', 'STATE', 'TOTAL', 'DUE'], items.map(invoiceRow)));
}

async function credit(invoiceId: string, { context, output, reference, reason, amount }: CreditOptions): Promise<void> {
  const body = { reference, reason, ...(amount !== undefined && { amount }) };
  const credited = await answer(
    operatorApi(context).POST('/v1/billing/invoices/{invoiceId}/credit-notes', { params: { path: { invoiceId } }, body }),
  );
  if (output === 'json') return printJson(credited);
  await print(`${credited.number}: ${money(credited.total, credited.currency)}, for ${credited.correctsNumber}`);
}

async function verify(invoiceId: string, { context, output }: CommonOptions): Promise<void> {
  const path = { invoiceId };
  const result = await answer(operatorApi(context).GET('/v1/billing/invoices/{invoiceId}/verification', { params: { path } }));
  if (output === 'json') await printJson(result);
  else if (result.equal) await print(`The same ${result.lines} lines, byte for byte (${result.hash}).`);
  if (!result.equal) throw new Failure('The invoice is not what its records say.', { hint: result.differences.join('\n') });
}

async function details(tenantId: string, { context, output, file }: SetOptions): Promise<void> {
  const api = operatorApi(context);
  const params = { path: { tenantId } };
  const call =
    file === undefined
      ? api.GET('/v1/tenants/{tenantId}/billing', { params })
      : api.PUT('/v1/tenants/{tenantId}/billing', { params, body: await readJson(file) });
  const shown: BillingDetails = await answer(
    call as ReturnType<typeof api.GET<'/v1/tenants/{tenantId}/billing', { params: typeof params }>>,
  );
  if (output === 'json') return printJson(shown);
  await print(
    sheet([
      ['Name', shown.legalName || null],
      ['Address', shown.address.join(', ') || null],
      ['E-mail', shown.email || null],
      ['Tax ID', shown.taxId || null],
      [shown.taxName, `${shown.taxRate} %`],
      ['Currency', shown.currency ?? 'the price book’s'],
      ['Time zone', shown.timeZone],
      ['Due after', `${shown.paymentDays} days`],
      ['Reference', shown.reference || null],
      ['Stripe', shown.stripeCustomer],
    ]),
  );
}

async function seller({ context, output, file }: SetOptions): Promise<void> {
  const api = operatorApi(context);
  const shown =
    file === undefined
      ? await answer(api.GET('/v1/billing/seller'))
      : await answer(api.PUT('/v1/billing/seller', { body: await readJson(file) }));
  if (output === 'json') return printJson(shown);
  await print(
    sheet([
      ['Name', shown.name],
      ['Address', shown.address.join(', ')],
      ['E-mail', shown.email],
      ['Tax ID', shown.taxId],
      ['Bank', shown.bank.join(', ')],
    ]),
  );
}
