// The rules of FOCUS 1.2, as its specification has them, held against rows of every kind of line:
// https://focus.finops.org/focus-specification/v1-2/
import { Decimal } from 'decimal.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lineKinds } from '../rated-line.js';
import { type FocusColumn, type FocusRow, focusColumns } from './focus-columns.js';
import { ReservedCosts } from './focus-commitments.js';
import { closingRows, focusRow, unusedRows } from './focus-rows.js';
import type { InvoiceHead } from './invoice-document.js';
import type { InvoiceLine } from './invoice-line.js';
import { totalsOf } from './invoice-totals.js';

const mandatory = [
  ...[
    'BilledCost',
    'BillingAccountId',
    'BillingAccountName',
    'BillingCurrency',
    'BillingPeriodEnd',
    'BillingPeriodStart',
    'ChargeCategory',
  ],
  ...['ChargeClass', 'ChargeDescription', 'ChargePeriodEnd', 'ChargePeriodStart', 'ContractedCost', 'EffectiveCost', 'InvoiceIssuerName'],
  ...['ListCost', 'PricingQuantity', 'PricingUnit', 'ProviderName', 'PublisherName', 'ServiceCategory', 'ServiceName'],
] as const;
const neverNull: readonly FocusColumn[] = [
  ...(['BilledCost', 'BillingAccountId', 'BillingCurrency', 'BillingPeriodEnd', 'BillingPeriodStart', 'ChargeCategory'] as const),
  ...([
    'ChargePeriodEnd',
    'ChargePeriodStart',
    'ContractedCost',
    'EffectiveCost',
    'InvoiceIssuerName',
    'ListCost',
    'ProviderName',
  ] as const),
  ...(['PublisherName', 'ServiceCategory', 'ServiceName', 'ChargeFrequency', 'ServiceSubcategory', 'BillingAccountType'] as const),
];
const decimals: readonly FocusColumn[] = [
  ...(['BilledCost', 'EffectiveCost', 'ContractedCost', 'ListCost', 'ListUnitPrice', 'ContractedUnitPrice', 'PricingQuantity'] as const),
  ...(['ConsumedQuantity', 'CommitmentDiscountQuantity'] as const),
];
const instants = ['BillingPeriodStart', 'BillingPeriodEnd', 'ChargePeriodStart', 'ChargePeriodEnd'] as const;
const allowed: Partial<Record<FocusColumn, readonly string[]>> = {
  ChargeCategory: ['Usage', 'Purchase', 'Tax', 'Credit', 'Adjustment'],
  ChargeClass: ['Correction'],
  ChargeFrequency: ['One-Time', 'Recurring', 'Usage-Based'],
  CommitmentDiscountCategory: ['Spend', 'Usage'],
  CommitmentDiscountStatus: ['Used', 'Unused'],
  PricingCategory: ['Standard', 'Dynamic', 'Committed', 'Other'],
  ServiceCategory: [
    ...[
      'AI and Machine Learning',
      'Analytics',
      'Business Applications',
      'Compute',
      'Databases',
      'Developer Tools',
      'Multicloud',
      'Identity',
    ],
    ...[
      'Integration',
      'Internet of Things',
      'Management and Governance',
      'Media',
      'Migration',
      'Mobile',
      'Networking',
      'Security',
      'Storage',
    ],
    ...['Web', 'Other'],
  ],
  ServiceSubcategory: ['Containers', 'Block Storage', 'Network Connectivity', 'Network Infrastructure', 'Other (Other)'],
};

/** What a row breaks, in the specification's words. */
function broken(row: FocusRow): string[] {
  const faults: string[] = [];
  const rule = (holds: boolean, name: string) => void (holds || faults.push(name));
  const { ChargeCategory: category, ChargeClass: class_ } = row;
  const metered = (category === 'Usage' || category === 'Purchase') && class_ === null;
  for (const column of neverNull) rule(row[column] !== null && row[column] !== '', `${column} MUST NOT be null`);
  for (const column of decimals) rule(row[column] === null || /^-?\d+(\.\d+)?$/.test(row[column]), `${column} MUST be a decimal`);
  for (const column of instants)
    rule(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(row[column] ?? ''), `${column} MUST be UTC, YYYY-MM-DDTHH:mm:ssZ`);
  for (const [column, values] of Object.entries(allowed))
    rule(row[column as FocusColumn] === null || values.includes(row[column as FocusColumn] ?? ''), `${column} MUST be one of its values`);
  rule(Intl.supportedValuesOf('currency').includes(row.BillingCurrency ?? ''), 'BillingCurrency MUST be of ISO 4217');
  rule((row.BillingPeriodStart ?? '') < (row.BillingPeriodEnd ?? ''), 'BillingPeriodStart is before its end');
  rule((row.ChargePeriodStart ?? '') < (row.ChargePeriodEnd ?? ''), 'ChargePeriodStart is before its end');
  rule(category !== 'Tax' || row.PricingQuantity === null, 'PricingQuantity MUST be null when ChargeCategory is Tax');
  rule((row.PricingQuantity === null) === (row.PricingUnit === null), 'PricingUnit MUST be null when PricingQuantity is, and only then');
  for (const column of ['PricingQuantity', 'SkuId', 'SkuPriceId', 'PricingCategory', 'ListUnitPrice', 'ContractedUnitPrice'] as const)
    rule(!metered || row[column] !== null, `${column} MUST NOT be null for Usage and Purchase`);
  rule(category === 'Usage' || row.ConsumedQuantity === null, 'ConsumedQuantity MUST be null when ChargeCategory is not Usage');
  rule(row.CommitmentDiscountStatus !== 'Unused' || row.ConsumedQuantity === null, 'ConsumedQuantity MUST be null for what is unused');
  rule(
    category !== 'Usage' || class_ !== null || row.CommitmentDiscountStatus === 'Unused' || row.ConsumedQuantity !== null,
    'ConsumedQuantity MUST NOT be null for Usage',
  );
  faults.push(...brokenCommitment(row));
  rule(row.SkuPriceId === null || row.SkuId !== null, 'SkuPriceId MUST be null when SkuId is null');
  rule(product(row.ListUnitPrice, row.PricingQuantity, row.ListCost, class_), 'ListCost MUST be ListUnitPrice × PricingQuantity');
  rule(
    product(row.ContractedUnitPrice, row.PricingQuantity, row.ContractedCost, class_),
    'ContractedCost MUST be ContractedUnitPrice × PricingQuantity',
  );
  rule(category !== 'Credit' || row.EffectiveCost === row.BilledCost, 'EffectiveCost MUST match BilledCost of a Credit');
  rule(
    !(category === 'Tax' || category === 'Usage') || row.ChargeFrequency !== 'Recurring' || category === 'Tax',
    'Usage is not Recurring',
  );
  rule(category !== 'Purchase' || row.ChargeFrequency !== 'Usage-Based', 'ChargeFrequency MUST NOT be Usage-Based for a Purchase');
  if (row.Tags !== null) rule(isTags(row.Tags), 'Tags MUST be of KeyValueFormat');
  return faults;
}

function brokenCommitment(row: FocusRow): string[] {
  const { ChargeCategory: category, ChargeClass: class_, CommitmentDiscountId: id, CommitmentDiscountQuantity: quantity } = row;
  const rules: [boolean, string][] = [
    ...(['CommitmentDiscountCategory', 'CommitmentDiscountName', 'CommitmentDiscountType'] as const).map((column): [boolean, string] => [
      (row[column] === null) === (id === null),
      `${column} MUST be null when CommitmentDiscountId is, and only then`,
    ]),
    [id !== null || row.CommitmentDiscountStatus === null, 'CommitmentDiscountStatus MUST be null without CommitmentDiscountId'],
    [id === null || category !== 'Usage' || row.CommitmentDiscountStatus !== null, 'CommitmentDiscountStatus MUST NOT be null for Usage'],
    [id === null || class_ !== null || Number(quantity) > 0, 'CommitmentDiscountQuantity MUST be positive'],
    [id === null || class_ !== null || row.CommitmentDiscountUnit !== null, 'CommitmentDiscountUnit MUST NOT be null'],
    [id !== null || (quantity ?? row.CommitmentDiscountUnit) === null, 'CommitmentDiscountQuantity MUST be null in all other cases'],
    [row.PricingCategory !== 'Committed' || (id !== null && category !== 'Purchase'), 'Committed MUST be no purchase, and of a commitment'],
    [id === null || category === 'Purchase' || row.PricingCategory === 'Committed', 'PricingCategory MUST be Committed'],
    [
      class_ !== null || category !== 'Purchase' || Number(row.EffectiveCost) === 0,
      'EffectiveCost of a purchase that covers charges MUST be 0',
    ],
  ];
  return rules.filter(([holds]) => !holds).map(([, name]) => name);
}

/** Within what rounding to twelve decimals, of the quantity and of the amount, can take. */
function product(price: string | null, quantity: string | null, cost: string | null, class_: string | null): boolean {
  if (price === null || quantity === null || class_ === 'Correction') return true;
  const off = new Decimal(price)
    .times(quantity)
    .minus(cost ?? 0)
    .abs();
  return off.lte(new Decimal(price).abs().plus(1).times('1e-12'));
}

function isTags(text: string): boolean {
  const tags: unknown = JSON.parse(text);
  return typeof tags === 'object' && tags !== null && Object.values(tags).every((value) => typeof value === 'string');
}

const from = Date.parse('2026-10-01T00:00:00Z');
const until = Date.parse('2026-11-01T00:00:00Z');
const money = new Set(['commitment', 'discount', 'credit']);
const notes: Record<(typeof lineKinds)[number], readonly string[]> = {
  ...{ usage: ['', 'commitment: year'], minimum: [''], reserved: ['reserved: core'], free: ['free allowance', 'reserved: core'] },
  ...{ commitment: ['commitment: year, not used'], discount: ['discount of 5 %'], credit: ['credit: welcome'] },
};

const line = fc
  .record({
    kind: fc.constantFrom(...lineKinds),
    dimension: fc.constantFrom('cpu', 'memory', 'disk', 'gpu', 'volume', 'egress', 'address' as const),
    units: fc.bigInt({ min: 1n, max: 10n ** 18n }),
    listPrice: fc.constantFrom('0.03', '0.0033', '1', '0.000011244'),
    discounted: fc.boolean(),
    note: fc.nat(1),
    spot: fc.boolean(),
    corrects: fc.constantFrom(null, 'other'),
    tags: fc.constantFrom('{}', '{"team":"blue"}', '{"=cmd":"a,\\"b"}'),
  })
  .map(({ kind, dimension, units, listPrice, discounted, note, spot, corrects, tags }): InvoiceLine => {
    const quantity = money.has(kind) ? '1' : new Decimal(units.toString()).div('1e12').toFixed();
    const price = kind === 'free' ? '0' : new Decimal(listPrice).times(discounted ? '0.8' : 1).toFixed();
    const sign = kind === 'credit' || kind === 'discount' ? -1 : 1;
    const amountOf = (one: string) => new Decimal(quantity).times(one).times(sign).toDecimalPlaces(12, Decimal.ROUND_HALF_EVEN).toFixed();
    return {
      ...{ kind, quantity, listPrice, price, listAmount: amountOf(listPrice), amount: amountOf(price), corrects, tags },
      dimension: money.has(kind) ? null : (dimension as InvoiceLine['dimension']),
      unit: money.has(kind) ? '' : 'GiB-hour',
      isolation: money.has(kind) ? null : 'container',
      capacityTier: money.has(kind) ? null : spot ? 'spot' : 'flex',
      priceBook: money.has(kind) ? '' : 'default:1',
      segment: { fromMs: from, untilMs: until },
      ...{ definition: 'web:1', group: 'web', userOrKey: 'key', note: notes[kind][note % notes[kind].length] ?? '' },
    };
  });

function headOf(lines: readonly InvoiceLine[], more: Partial<InvoiceHead> = {}): InvoiceHead {
  return {
    ...{
      id: 'i',
      number: 'INV-000001',
      kind: 'invoice',
      state: 'closed',
      tenantId: 't',
      tenant: 'acme',
      period: '2026-10',
      timeZone: 'UTC',
    },
    ...{ startsAt: '2026-10-01T00:00:00.000Z', endsAt: '2026-11-01T00:00:00.000Z', currency: 'EUR', taxName: 'VAT', taxRate: '19' },
    ...totalsOf(lines, '19', 'EUR'),
    ...{ priceBooks: [], corrects: null, correctsNumber: null, reason: null, createdAt: '2026-10-01T00:00:00.000Z' },
    ...{
      closedAt: '2026-11-02T00:00:00.123Z',
      dueAt: null,
      seller: null,
      buyer: { name: 'Acme', address: [], email: '', taxId: '', reference: '' },
    },
    ...more,
  } as InvoiceHead;
}

function rowsOf(lines: readonly InvoiceLine[], head = headOf(lines)): FocusRow[] {
  const reserved = new ReservedCosts();
  for (const one of lines) reserved.tell(one);
  const rows = lines.map((one) => focusRow(head, one, reserved));
  const listCost = rows.reduce((sum, row) => sum.plus(row.ListCost ?? 0), new Decimal(0));
  return [...rows, ...unusedRows(head, reserved), ...closingRows(head, listCost.toFixed())];
}

describe('FOCUS 1.2', () => {
  it('has every mandatory column, in Pascal case, and marks its own', () => {
    expect(focusColumns).toEqual(expect.arrayContaining([...mandatory]));
    expect(focusColumns.filter((column) => !/^(x_)?[A-Z][A-Za-z]{0,49}$/.test(column))).toEqual([]);
    expect(new Set(focusColumns).size).toBe(focusColumns.length);
  });

  it('is kept to by the rows of any lines, and they come to the invoice’s total', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
        const head = headOf(lines);
        const rows = rowsOf(lines, head);
        for (const row of rows) expect(broken(row)).toEqual([]);
        const billed = rows.reduce((sum, row) => sum.plus(row.BilledCost ?? 0), new Decimal(0));
        expect(billed.eq(head.total)).toBe(true);
      }),
    );
  });

  it('lets what a reservation covers and what of it is unused cost in effect what it is billed', () => {
    const base = { isolation: 'container', capacityTier: 'guaranteed', priceBook: 'default:1', corrects: null, tags: '{}' } as const;
    const common = { ...base, dimension: 'cpu', unit: 'vCPU-hour', listPrice: '0.03', segment: { fromMs: from, untilMs: until } } as const;
    const of = { definition: 'web:1', group: 'web', userOrKey: 'key' } as const;
    const nobody = { definition: null, group: null, userOrKey: null } as const;
    const free = { ...common, kind: 'free', price: '0', amount: '0', note: 'reserved: core' } as const;
    const lines: InvoiceLine[] = [
      { ...free, ...of, quantity: '30', listAmount: '0.9' },
      { ...free, ...of, definition: 'batch:2', quantity: '10.000000000001', listAmount: '0.3' },
      { ...common, ...nobody, kind: 'reserved', quantity: '100', price: '0.021', amount: '2.1', listAmount: '3', note: 'reserved: core' },
      { ...common, ...of, kind: 'usage', quantity: '1', price: '0.03', amount: '0.03', listAmount: '0.03', note: '' },
    ];
    const rows = rowsOf(lines, headOf(lines, { taxRate: '0', ...totalsOf(lines, '0', 'EUR') }));
    expect(rows.flatMap(broken)).toEqual([]);
    const shown = rows.map((row) => [row.ChargeCategory, row.CommitmentDiscountStatus, row.BilledCost, row.EffectiveCost, row.ResourceId]);
    expect(shown).toEqual([
      ['Usage', 'Used', '0', '0.63', 'web:1'],
      ['Usage', 'Used', '0', '0.21', 'batch:2'],
      ['Purchase', null, '2.1', '0', null],
      ['Usage', null, '0.03', '0.03', 'web:1'],
      ['Usage', 'Unused', '0', '1.26', null],
    ]);
    expect(rows.at(-1)).toMatchObject({ CommitmentDiscountId: 't/reservation/core/cpu', CommitmentDiscountQuantity: '59.999999999999' });
  });

  it('puts a credit note into the month in which it was made, as a correction', () => {
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 5 }), (lines) => {
        const rows = rowsOf(lines, headOf(lines, { kind: 'creditNote', number: 'CN-000001' }));
        for (const row of rows)
          expect([broken(row), row.ChargeClass, row.BillingPeriodStart]).toEqual([[], 'Correction', '2026-11-01T00:00:00Z']);
      }),
    );
  });

  it('finds what breaks its rules: else the tests above prove nothing', () => {
    const [usage] = rowsOf(
      fc
        .sample(line, 200)
        .filter(({ kind, corrects, note }) => kind === 'usage' && corrects === null && note === '')
        .slice(0, 1),
    );
    const faults = (changes: Partial<FocusRow>) => broken({ ...(usage as FocusRow), ...changes });
    expect(faults({})).toEqual([]);
    expect(faults({ BilledCost: null })).toContain('BilledCost MUST NOT be null');
    expect(faults({ ListUnitPrice: '12345' })).toContain('ListCost MUST be ListUnitPrice × PricingQuantity');
    expect(faults({ ChargePeriodStart: '2026-10-01T00:00:00.000Z' })).toHaveLength(1);
    expect(faults({ CommitmentDiscountId: 'x' })).toContain('PricingCategory MUST be Committed');
    expect(faults({ ChargeCategory: 'Tax' })).toContain('PricingQuantity MUST be null when ChargeCategory is Tax');
    expect(faults({ BillingCurrency: 'EURO' })).toContain('BillingCurrency MUST be of ISO 4217');
    expect(faults({ Tags: '["a"]', ChargeClass: 'Other' })).toContain('ChargeClass MUST be one of its values');
  });
});
