// An invoice as rows of FOCUS 1.2. What is billed is also what it effectively costs, but for reservations, whose cost is that
// of what they cover. All rows of an invoice together come to its total, billed as well as effective.
import { Exact } from '../money.js';
import { monthOf } from './billing-month.js';
import { type FocusColumn, type FocusRow, focusColumns } from './focus-columns.js';
import { commitmentColumns, ReservedCosts } from './focus-commitments.js';
import type { InvoiceHead } from './invoice-document.js';
import type { InvoiceLine } from './invoice-line.js';
import { describeLine } from './line-words.js';

type Values = Partial<Record<FocusColumn, string | null>>;

/** FOCUS wants a provider; an installation without billing details of its own has this name. */
const nameless = 'Berth';

const services: Readonly<Record<string, readonly [category: string, subcategory: string]>> = {
  cpu: ['Compute', 'Containers'],
  memory: ['Compute', 'Containers'],
  gpu: ['Compute', 'Containers'],
  disk: ['Storage', 'Block Storage'],
  volume: ['Storage', 'Block Storage'],
  egress: ['Networking', 'Network Connectivity'],
  address: ['Networking', 'Network Infrastructure'],
};
const units: Readonly<Record<string, string>> = {
  'vCPU-hour': 'vCPU-Hours',
  'GiB-hour': 'GiB-Hours',
  'GPU-hour': 'GPU-Hours',
  'address-hour': 'Address-Hours',
  '': 'Units',
};

/** The row of one line. @param reserved has been told all reserved lines of the invoice */
export function focusRow(head: InvoiceHead, line: InvoiceLine, reserved: ReservedCosts): FocusRow {
  const charge = chargeOf(line);
  const purchased = line.kind === 'reserved' && line.corrects === null && head.kind === 'invoice';
  const metered = charge.ChargeCategory === 'Usage' || charge.ChargeCategory === 'Purchase';
  const correction = line.corrects !== null || head.kind === 'creditNote';
  return row(head, {
    ...charge,
    ChargeClass: correction ? 'Correction' : null,
    ChargeDescription: describeLine(line),
    ChargePeriodStart: instant(line.segment.fromMs),
    ChargePeriodEnd: instant(line.segment.untilMs),
    BilledCost: line.amount,
    EffectiveCost: purchased ? '0' : head.kind === 'invoice' ? (reserved.cover(line) ?? line.amount) : line.amount,
    ContractedCost: line.amount,
    ListCost: metered ? line.listAmount : line.amount,
    ...(metered ? meteredColumns(line, charge.ChargeCategory === 'Usage') : {}),
    ...(metered ? commitmentColumns(head, line, unitOf(line)) : {}),
    ...serviceColumns(line.dimension),
    ResourceId: line.definition,
    ResourceName: line.definition,
    ResourceType: line.definition === null ? null : 'Task Definition',
    Tags: line.tags === '{}' ? null : line.tags,
    x_PriceBook: line.priceBook || null,
    x_Service: line.group,
    x_User: line.userOrKey,
  });
}

/** The rows of what was reserved and nothing used: billed with the reservation, and not for nothing. */
export function unusedRows(head: InvoiceHead, reserved: ReservedCosts): FocusRow[] {
  if (head.kind !== 'invoice') return [];
  return reserved.unused().map(({ line, quantity, effective }) => {
    const unused: InvoiceLine = { ...line, kind: 'free', quantity, price: '0', listPrice: '0', amount: '0', listAmount: '0' };
    const words = { ChargeDescription: `${describeLine(line)}, not used`, CommitmentDiscountStatus: 'Unused' };
    const costs = { ...words, EffectiveCost: effective, ConsumedQuantity: null, ConsumedUnit: null };
    return { ...focusRow(head, unused, new ReservedCosts()), ...costs };
  });
}

/** The rows that come after those of the lines: rounding to the smallest coin, and the tax. */
export function closingRows(head: InvoiceHead, listCost: string): FocusRow[] {
  const whole = { ChargePeriodStart: instant(Date.parse(head.startsAt)), ChargePeriodEnd: instant(Date.parse(head.endsAt)) };
  const common = {
    ...whole,
    ChargeClass: head.kind === 'creditNote' ? 'Correction' : null,
    ChargeFrequency: 'One-Time',
    ...serviceColumns(null),
  };
  const rows: FocusRow[] = [];
  const rounding = new Exact(head.subtotal).minus(head.exact);
  if (!rounding.isZero())
    rows.push(row(head, { ...common, ChargeCategory: 'Adjustment', ChargeDescription: 'Rounding', ...sameCosts(rounding.toFixed()) }));
  if (!new Exact(head.tax).isZero()) {
    const listTax = new Exact(listCost).times(head.taxRate).div(100).toDecimalPlaces(12).toFixed();
    const ChargeDescription = `${head.taxName} ${head.taxRate} %`;
    rows.push(row(head, { ...common, ChargeCategory: 'Tax', ChargeDescription, ...sameCosts(head.tax), ListCost: listTax }));
  }
  return rows;
}

function row(head: InvoiceHead, values: Values): FocusRow {
  const seller = head.seller?.name || nameless;
  // A credit note belongs to the month in which it was made; what it corrects belongs to the one before.
  const period = head.kind === 'creditNote' ? monthOf(Date.parse(head.closedAt ?? head.createdAt), head.timeZone) : null;
  const all: Values = {
    BillingAccountId: head.tenantId,
    BillingAccountName: head.tenant,
    BillingAccountType: 'Tenant',
    BillingCurrency: head.currency,
    BillingPeriodStart: instant(period?.startsAtMs ?? Date.parse(head.startsAt)),
    BillingPeriodEnd: instant(period?.endsAtMs ?? Date.parse(head.endsAt)),
    InvoiceId: head.number,
    InvoiceIssuerName: seller,
    ProviderName: seller,
    PublisherName: seller,
    ServiceName: 'Berth',
    ...values,
  };
  return Object.fromEntries(focusColumns.map((column) => [column, all[column] ?? null])) as FocusRow;
}

function chargeOf({ kind }: InvoiceLine): { ChargeCategory: string; ChargeFrequency: string } {
  switch (kind) {
    case 'usage':
    case 'minimum':
    case 'free':
    // What a commitment was not used for is paid as it goes, like what it was used for.
    case 'commitment':
      return { ChargeCategory: 'Usage', ChargeFrequency: 'Usage-Based' };
    case 'reserved':
      return { ChargeCategory: 'Purchase', ChargeFrequency: 'Recurring' };
    case 'discount':
      return { ChargeCategory: 'Adjustment', ChargeFrequency: 'Usage-Based' };
    case 'credit':
      return { ChargeCategory: 'Credit', ChargeFrequency: 'One-Time' };
    default: {
      const never: never = kind;
      return never;
    }
  }
}

function meteredColumns(line: InvoiceLine, usage: boolean): Values {
  const sku = [line.dimension ?? line.kind, line.isolation, line.capacityTier].filter((part) => part !== null).join('/');
  const unit = unitOf(line);
  return {
    PricingQuantity: line.quantity,
    PricingUnit: unit,
    PricingCategory: pricingCategoryOf(line),
    ListUnitPrice: line.listPrice,
    ContractedUnitPrice: line.price,
    ...(usage && line.kind !== 'commitment' ? { ConsumedQuantity: line.quantity, ConsumedUnit: unit } : {}),
    SkuId: sku,
    SkuMeter: line.dimension ?? line.kind,
    SkuPriceId: `${sku}@${line.priceBook}`,
  };
}

/** What a commitment or a reservation made cheaper is committed; to buy one is not. */
function pricingCategoryOf({ kind, note, capacityTier }: InvoiceLine): string {
  if (kind === 'reserved') return 'Standard';
  if (/^(commitment|reserved): /.test(note)) return 'Committed';
  return capacityTier === 'spot' ? 'Dynamic' : 'Standard';
}

function unitOf({ unit }: InvoiceLine): string {
  return units[unit] ?? unit;
}

function serviceColumns(dimension: string | null): Values {
  const [ServiceCategory, ServiceSubcategory] = services[dimension ?? ''] ?? ['Other', 'Other (Other)'];
  return { ServiceCategory, ServiceSubcategory };
}

function sameCosts(amount: string): Values {
  return { BilledCost: amount, EffectiveCost: amount, ContractedCost: amount, ListCost: amount };
}

/** As FOCUS writes it: UTC, to the second. */
function instant(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d{3}Z$/, 'Z');
}
