// What stands on a printed invoice, before anything is drawn: texts in their order. Which page they come to is the
// drawer's business (invoice-pdf.ts).
import type { InvoiceDetail } from '@berth/contract';
import { dayOf } from './billing-month.js';
import { titleOf } from './invoice-document.js';
import type { InvoiceLine } from './invoice-line.js';
import { describeLine } from './line-words.js';
import { printed, printedPrice } from './printed-number.js';

export interface SheetRow {
  readonly kind: 'group' | 'line' | 'note';
  /** Description, quantity, unit, unit price, amount. */
  readonly cells: readonly string[];
}

export interface Sheet {
  readonly title: string;
  /** Over the page where it must not be taken for the real thing. */
  readonly mark: string | null;
  readonly from: readonly string[];
  readonly to: readonly string[];
  readonly facts: readonly (readonly [name: string, value: string])[];
  readonly rows: readonly SheetRow[];
  /** The last one is what is to be paid. */
  readonly totals: readonly (readonly [name: string, value: string])[];
  readonly notes: readonly string[];
  readonly payment: readonly string[];
  readonly footer: string;
}

/** Groups beyond these are one row: who has so many reads the CSV. */
const groupsMax = 500;
const lineDigits = 4;
const words: Readonly<Record<string, string>> = { service: 'service', definition: 'task definition', user: 'user', dimension: 'dimension' };

export function sheetOf(detail: InvoiceDetail): Sheet {
  const { seller, buyer, currency, timeZone } = detail;
  const taxId = (id: string) => (id === '' ? [] : [`Tax ID ${id}`]);
  return {
    title: titleOf(detail),
    mark: detail.state === 'draft' ? 'DRAFT' : null,
    from: seller ? [seller.name, ...seller.address, ...(seller.email === '' ? [] : [seller.email]), ...taxId(seller.taxId)] : ['Berth'],
    to: [buyer.name, ...buyer.address, ...taxId(buyer.taxId)],
    facts: factsOf(detail),
    rows: rowsOf(detail),
    totals: totalsOf(detail),
    notes: [
      `Amounts in ${currency}. Times and the month are those of ${timeZone}.`,
      ...(detail.priceBooks.length > 0 ? [`Prices: price book ${detail.priceBooks.join(', ')}.`] : []),
      `Lines are shown with ${lineDigits} decimals; they are exact to twelve in the CSV and by the API, and only their sum is rounded.`,
    ],
    payment: paymentOf(detail),
    footer: seller?.footer ?? '',
  };
}

function factsOf(detail: InvoiceDetail): [string, string][] {
  const day = (instant: string) => dayOf(Date.parse(instant), detail.timeZone);
  const lastDay = dayOf(Date.parse(detail.endsAt) - 1, detail.timeZone);
  const facts: [string, string | null][] = [
    [detail.kind === 'creditNote' ? 'Credit note number' : 'Invoice number', detail.number],
    ['For invoice', detail.correctsNumber],
    ['Date', detail.closedAt && day(detail.closedAt)],
    ['Period', `${day(detail.startsAt)} – ${lastDay}`],
    ['Due', detail.kind === 'invoice' ? detail.dueAt && day(detail.dueAt) : null],
    ['Your reference', detail.buyer.reference || null],
    ['Customer', detail.tenant],
  ];
  return facts.filter((fact): fact is [string, string] => fact[1] !== null);
}

function rowsOf(detail: InvoiceDetail): SheetRow[] {
  const reason: SheetRow[] = detail.reason === null ? [] : [{ kind: 'note', cells: [`Reason: ${detail.reason}`] }];
  const groups = detail.groups.slice(0, groupsMax);
  const more = detail.groups.length - groups.length;
  const rest: SheetRow[] = more > 0 ? [{ kind: 'note', cells: [`and ${more} more, which are in the CSV`] }] : [];
  if (detail.groups.length === 0) return [{ kind: 'note', cells: ['Nothing was used in this period.'] }];
  return [...reason, ...groups.flatMap((group) => groupRows(detail, group)), ...rest];
}

function groupRows({ groupBy }: InvoiceDetail, group: InvoiceDetail['groups'][number]): SheetRow[] {
  const rows = group.lines.map((line): SheetRow => {
    const corrects = line.corrects === null ? '' : ` — correction of ${line.corrects}`;
    const text = `${describeLine(line as unknown as InvoiceLine)}${corrects}`;
    const money = line.dimension === null;
    return {
      kind: 'line',
      cells: [
        text,
        money ? '' : printed(line.quantity, lineDigits),
        line.unit,
        money ? '' : printedPrice(line.price),
        printed(line.amount, lineDigits),
      ],
    };
  });
  return [
    { kind: 'group', cells: [titleOfGroup(group.label ?? group.name, groupBy), '', '', '', printed(group.amount, lineDigits)] },
    ...rows,
  ];
}

function titleOfGroup(name: string | null, groupBy: string): string {
  if (name !== null) return name;
  if (groupBy.startsWith('tag:')) return `Without the tag ${groupBy.slice('tag:'.length)}`;
  return groupBy === 'service' ? 'Account' : `Without a ${words[groupBy] ?? groupBy}`;
}

function totalsOf({ exact, subtotal, tax, taxName, taxRate, total, currency, kind }: InvoiceDetail): [string, string][] {
  const digits = subtotal.split('.')[1]?.length ?? 0;
  const rounded = printed(exact, 12) !== printed(subtotal, 12);
  const rate = taxRate.includes('.') ? taxRate.replace(/\.?0+$/, '') : taxRate;
  return [
    ...(rounded ? [['Sum of the lines', printed(exact, lineDigits)] as [string, string]] : []),
    ['Subtotal', printed(subtotal, digits)],
    ...(Number(taxRate) > 0 ? [[`${taxName} ${rate} %`, printed(tax, digits)] as [string, string]] : []),
    [`${kind === 'creditNote' ? 'Credited' : 'Total'} ${currency}`, printed(total, digits)],
  ];
}

function paymentOf({ seller, number, dueAt, timeZone, kind, state, total }: InvoiceDetail): string[] {
  if (state === 'draft') return ['This is not an invoice: the month is not over, and amounts will change.'];
  if (kind === 'creditNote' || Number(total) <= 0) return [];
  const due = dueAt === null ? '' : ` by ${dayOf(Date.parse(dueAt), timeZone)}`;
  return [`Please pay${due}, and name ${number ?? 'the invoice'}.`, ...(seller?.bank ?? [])];
}
