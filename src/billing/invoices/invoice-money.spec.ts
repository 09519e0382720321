// Totals, postings and corrections: what must hold for any lines.
import { Decimal } from 'decimal.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RatedLine } from '../rated-line.js';
import { correctionLines } from './corrections.js';
import { minorDigits } from './currency.js';
import { negated, totalsOf, totalsOfSum } from './invoice-totals.js';
import { postingsOf } from './postings.js';

const Exact = Decimal.clone({ precision: 80 });
const sum = (amounts: readonly string[]) => amounts.reduce((total, one) => total.plus(one), new Exact(0));

const amount = fc
  .tuple(fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }), fc.constant(12))
  .map(([digits, places]) => new Exact(digits.toString()).div(new Exact(10).pow(places)).toFixed());
const taxRate = fc.integer({ min: 0, max: 2500 }).map((hundredths) => (hundredths / 100).toString());
const currency = fc.constantFrom('USD', 'EUR', 'JPY', 'KWD');

describe('totals', () => {
  it.each([
    ['1.005', 'USD', '1.00'],
    ['1.015', 'USD', '1.02'],
    ['1.0150000001', 'USD', '1.02'],
    ['-1.005', 'USD', '-1.00'],
    ['2.5', 'JPY', '2'],
    ['0.0005', 'KWD', '0.000'],
  ])('%s %s is %s, half to even', (exact, code, subtotal) => {
    expect(totalsOfSum(exact, '0', code).subtotal).toBe(subtotal);
  });

  it('takes tax from the rounded sum', () => {
    expect(totalsOfSum('10.004', '19', 'EUR')).toEqual({ exact: '10.004', subtotal: '10.00', tax: '1.90', total: '11.90' });
    expect(negated(totalsOfSum('10.004', '19', 'EUR'))).toEqual({ exact: '-10.004', subtotal: '-10.00', tax: '-1.90', total: '-11.90' });
    expect(negated(totalsOfSum('0', '19', 'EUR')).total).toBe('0.00');
  });

  it('is off by half of the smallest coin at the most, and the order of lines changes nothing', () => {
    fc.assert(
      fc.property(fc.array(amount, { maxLength: 20 }), taxRate, currency, (amounts, rate, code) => {
        const totals = totalsOf(
          amounts.map((one) => ({ amount: one })),
          rate,
          code,
        );
        const half = new Exact(10).pow(-minorDigits(code)).div(2);
        expect(sum(amounts).minus(totals.subtotal).abs().lte(half)).toBe(true);
        expect(new Exact(totals.subtotal).plus(totals.tax).eq(totals.total)).toBe(true);
        expect(
          totalsOf(
            [...amounts].reverse().map((one) => ({ amount: one })),
            rate,
            code,
          ),
        ).toEqual(totals);
      }),
    );
  });
});

describe('postings', () => {
  it('sum to zero, whatever the invoice', () => {
    fc.assert(
      fc.property(amount, taxRate, currency, (exact, rate, code) => {
        const totals = totalsOfSum(exact, rate, code);
        const postings = postingsOf(totals);
        expect(sum(postings.map((one) => one.amount)).isZero()).toBe(true);
        expect(sum([...postings, ...postingsOf(negated(totals))].map((one) => one.amount)).isZero()).toBe(true);
        for (const posting of postings) expect(posting.amount).toMatch(/^-?\d+(\.\d+)?$/);
      }),
    );
  });

  it('of an invoice', () => {
    expect(postingsOf(totalsOfSum('10.004', '19', 'EUR'))).toEqual([
      { account: 'receivable', amount: '11.9' },
      { account: 'revenue', amount: '-10.004' },
      { account: 'rounding', amount: '0.004' },
      { account: 'tax', amount: '-1.9' },
    ]);
  });
});

const line = (changes: Partial<RatedLine> = {}): RatedLine => ({
  kind: 'usage',
  dimension: 'cpu',
  unit: 'vCPU-hour',
  quantity: '1',
  listPrice: '0.03',
  price: '0.03',
  listAmount: '0.03',
  amount: '0.03',
  isolation: 'container',
  capacityTier: 'flex',
  priceBook: 'default:1',
  segment: { fromMs: 0, untilMs: 1 },
  definition: 'web:1',
  group: null,
  tags: '{}',
  userOrKey: null,
  note: '',
  ...changes,
});

describe('corrections', () => {
  it('are what differs, with its sign', () => {
    const before = [line(), line({ dimension: 'memory', unit: 'GiB-hour' })];
    const after = [line({ quantity: '1.5', listAmount: '0.045', amount: '0.045' }), line({ definition: 'new:1' })];
    expect(correctionLines(before, after, 'i')).toEqual([
      { ...line({ definition: 'new:1' }), corrects: 'i' },
      { ...line({ quantity: '0.5', listAmount: '0.015', amount: '0.015' }), corrects: 'i' },
      { ...line({ dimension: 'memory', unit: 'GiB-hour', quantity: '-1', listAmount: '-0.03', amount: '-0.03' }), corrects: 'i' },
    ]);
    expect(correctionLines(before, [...before].reverse(), 'i')).toEqual([]);
  });

  const lines = fc.array(
    fc
      .tuple(fc.constantFrom('cpu', 'memory', 'disk'), fc.constantFrom('web:1', 'db:1', null), amount, amount)
      .map(([dimension, definition, quantity, amount]) => line({ dimension, definition, quantity, amount } as Partial<RatedLine>)),
    { maxLength: 8 },
  );

  it('together with what was billed come to what is due', () => {
    fc.assert(
      fc.property(lines, lines, (before, after) => {
        const corrections = correctionLines(before, after, 'i');
        const total = (of: readonly RatedLine[]) => sum(of.map((one) => one.amount));
        expect(total(before).plus(total(corrections)).eq(total(after))).toBe(true);
      }),
    );
  });
});
