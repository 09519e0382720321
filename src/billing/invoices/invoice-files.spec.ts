// What invoices look like as text: groups, CSV, the sheet that is printed, and the shares that Stripe is told.
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { csvText } from './csv-text.js';
import { groupLines } from './group-lines.js';
import type { InvoiceHead } from './invoice-document.js';
import type { InvoiceLine } from './invoice-line.js';
import { renderInvoice } from './invoice-pdf.service.js';
import { sheetOf } from './invoice-sheet.js';
import { totalsOf } from './invoice-totals.js';
import { toDetail } from './invoice-view.js';
import { runsOf } from './pdf-fonts.js';
import { printed, printedPrice } from './printed-number.js';
import { stripeItems } from './stripe-items.js';

const line = (changes: Partial<InvoiceLine> = {}): InvoiceLine => ({
  ...{
    kind: 'usage',
    dimension: 'cpu',
    unit: 'vCPU-hour',
    quantity: '10',
    listPrice: '0.03',
    price: '0.03',
    listAmount: '0.3',
    amount: '0.3',
  },
  ...{ isolation: 'container', capacityTier: 'flex', priceBook: 'default:1', segment: { fromMs: 0, untilMs: 1 } },
  ...{ definition: 'web:1', group: null, tags: '{}', userOrKey: null, note: '', corrects: null },
  ...changes,
});
const lines = [
  line({ group: 'shop', tags: '{"team":"blue"}', userOrKey: 'ann' }),
  line({ group: 'shop', definition: 'web:2', tags: '{"team":"red"}', segment: { fromMs: 1, untilMs: 2 } }),
  line({ dimension: 'memory', unit: 'GiB-hour', quantity: '1234.5678', price: '0.0033', amount: '4.07407374', capacityTier: 'spot' }),
  line({ kind: 'free', quantity: '2', price: '0', amount: '0', note: 'platform fault: HostLost' }),
  line({
    kind: 'discount',
    dimension: null,
    unit: '',
    quantity: '1',
    amount: '-0.5',
    definition: null,
    note: 'discount of 10 %',
    isolation: null,
    capacityTier: null,
    priceBook: '',
  }),
  line({ corrects: 'old', amount: '1.23456', quantity: '41.152' }),
];

function headOf(more: Partial<InvoiceHead> = {}): InvoiceHead {
  return {
    ...{
      id: 'i',
      number: 'INV-000042',
      kind: 'invoice',
      state: 'closed',
      tenantId: 't',
      tenant: 'acme',
      period: '2026-10',
      timeZone: 'Europe/Berlin',
    },
    ...{ startsAt: '2026-09-30T22:00:00.000Z', endsAt: '2026-10-31T23:00:00.000Z', currency: 'EUR', taxName: 'VAT', taxRate: '19' },
    ...totalsOf(lines, '19', 'EUR'),
    ...{ priceBooks: ['default:1'], corrects: null, correctsNumber: null, reason: null, createdAt: '2026-10-01T00:00:00.000Z' },
    ...{ closedAt: '2026-11-02T00:00:00.000Z', dueAt: '2026-12-02T00:00:00.000Z' },
    seller: { name: 'Nord GmbH', address: ['Hamburg'], email: '', taxId: 'DE1', bank: ['IBAN 1'], footer: 'HRB 1' },
    buyer: { name: 'Łódź 株式会社', address: ['Street 1'], email: '', taxId: '', reference: 'PO 1' },
    ...more,
  } as InvoiceHead;
}
const detail = (groupBy = 'service', more: Partial<InvoiceHead> = {}) =>
  toDetail(headOf(more), groupBy, groupLines(lines, groupBy), new Map([['old', 'INV-000007']]));

describe('groups', () => {
  it.each([
    ['service', ['shop 0.6', 'web 5.30863374', 'null -0.5']],
    ['definition', ['web:1 5.60863374', 'web:2 0.3', 'null -0.5']],
    ['user', ['ann 0.3', 'null 5.10863374']],
    ['dimension', ['cpu 1.83456', 'memory 4.07407374', 'null -0.5']],
    ['tag:team', ['blue 0.3', 'red 0.3', 'null 4.80863374']],
    ['tag:__proto__', ['null 5.40863374']],
  ])('by %s', (by, expected) => {
    expect(groupLines(lines, by).map(({ name, amount }) => `${name} ${amount}`)).toEqual(expected);
  });

  it('come to the invoice’s sum, whatever they are by, and make one line of what has one price', () => {
    for (const by of ['service', 'definition', 'user', 'dimension', 'tag:team'])
      expect(totalsOf(groupLines(lines, by), '0', 'EUR').exact).toBe(totalsOf(lines, '0', 'EUR').exact);
    expect(groupLines(lines, 'service')[0]?.lines).toMatchObject([{ quantity: '20', amount: '0.6' }]);
  });
});

describe('the printed sheet', () => {
  it('says who, what, how much and until when', () => {
    const sheet = sheetOf(detail());
    expect(sheet).toMatchInlineSnapshot(`
      {
        "facts": [
          [
            "Invoice number",
            "INV-000042",
          ],
          [
            "Date",
            "2026-11-02",
          ],
          [
            "Period",
            "2026-10-01 – 2026-10-31",
          ],
          [
            "Due",
            "2026-12-02",
          ],
          [
            "Your reference",
            "PO 1",
          ],
          [
            "Customer",
            "acme",
          ],
        ],
        "footer": "HRB 1",
        "from": [
          "Nord GmbH",
          "Hamburg",
          "Tax ID DE1",
        ],
        "mark": null,
        "notes": [
          "Amounts in EUR. Times and the month are those of Europe/Berlin.",
          "Prices: price book default:1.",
          "Lines are shown with 4 decimals; they are exact to twelve in the CSV and by the API, and only their sum is rounded.",
        ],
        "payment": [
          "Please pay by 2026-12-02, and name INV-000042.",
          "IBAN 1",
        ],
        "rows": [
          {
            "cells": [
              "shop",
              "",
              "",
              "",
              "0.6000",
            ],
            "kind": "group",
          },
          {
            "cells": [
              "CPU",
              "20.0000",
              "vCPU-hour",
              "0.03",
              "0.6000",
            ],
            "kind": "line",
          },
          {
            "cells": [
              "web",
              "",
              "",
              "",
              "5.3086",
            ],
            "kind": "group",
          },
          {
            "cells": [
              "Memory, spot",
              "1,234.5678",
              "GiB-hour",
              "0.0033",
              "4.0741",
            ],
            "kind": "line",
          },
          {
            "cells": [
              "CPU, free (platform fault: HostLost)",
              "2.0000",
              "vCPU-hour",
              "0.00",
              "0.0000",
            ],
            "kind": "line",
          },
          {
            "cells": [
              "CPU — correction of INV-000007",
              "41.1520",
              "vCPU-hour",
              "0.03",
              "1.2346",
            ],
            "kind": "line",
          },
          {
            "cells": [
              "Account",
              "",
              "",
              "",
              "−0.5000",
            ],
            "kind": "group",
          },
          {
            "cells": [
              "Discount of 10 %",
              "",
              "",
              "",
              "−0.5000",
            ],
            "kind": "line",
          },
        ],
        "title": "Invoice",
        "to": [
          "Łódź 株式会社",
          "Street 1",
        ],
        "totals": [
          [
            "Sum of the lines",
            "5.4086",
          ],
          [
            "Subtotal",
            "5.41",
          ],
          [
            "VAT 19 %",
            "1.03",
          ],
          [
            "Total EUR",
            "6.44",
          ],
        ],
      }
    `);
  });

  it('of a draft says that it is none', () => {
    expect(sheetOf(detail('service', { state: 'draft', number: null, closedAt: null, dueAt: null }))).toMatchObject({
      title: 'Draft invoice',
      mark: 'DRAFT',
      payment: [expect.stringContaining('not an invoice')],
    });
  });

  it('is drawn to the same bytes each time', { timeout: 30_000 }, async () => {
    const [one, two] = [await renderInvoice(detail()), await renderInvoice(detail())];
    expect(one.subarray(0, 5).toString()).toBe('%PDF-');
    expect(one.equals(two)).toBe(true);
  });

  it('writes numbers as people read them', () => {
    expect([printed('1234567.891', 2), printed('-0.004', 2), printed('-1234.5', 4)]).toEqual(['1,234,567.89', '0.00', '−1,234.5000']);
    expect([printedPrice('0.03'), printedPrice('0.000011244'), printedPrice('5')]).toEqual(['0.03', '0.000011244', '5.00']);
  });

  it('cuts text into runs of one script, and shows what it cannot write', () => {
    expect(runsOf('Łódź ΑΒ 社\u202e')).toEqual([
      { script: 'latin-ext', text: 'Ł' },
      { script: 'latin', text: 'ód' },
      { script: 'latin-ext', text: 'ź' },
      { script: 'latin', text: ' ' },
      { script: 'greek', text: 'ΑΒ' },
      { script: 'latin', text: ' ?\u202e' },
    ]);
  });
});

describe('CSV', () => {
  const text = async (rows: Record<'name' | 'amount', string | null>[]) => {
    let all = '';
    const each = async function* () {
      yield* rows;
    };
    for await (const part of csvText(['name', 'amount'], new Set(['amount']), each())) all += part;
    return all;
  };

  it('keeps what people wrote, whatever it is, and no formula of theirs runs', { timeout: 30_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ unit: fc.constantFrom(...'=+-@",;\r\n\t\'aé株😀') }), { maxLength: 5 }), async (names) => {
        const rows = parse(await text(names.map((name) => ({ name, amount: '-1.5' }))), { columns: true, record_delimiter: '\r\n' }) as {
          name: string;
          amount: string;
        }[];
        expect(rows.map(({ name, amount }) => [name.replace(/^'/, ''), amount])).toEqual(names.map((name) => [name, '-1.5']));
        expect(rows.filter(({ name }) => /^[=+\-@\t\r]/.test(name))).toEqual([]);
      }),
    );
  });

  it('has a head even without rows', async () => {
    expect(await text([])).toBe('name,amount\r\n');
  });
});

describe('what Stripe is told', () => {
  it('comes to the total, item by item within a cent, and is the same each time', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -(10 ** 9), max: 10 ** 9 }), { minLength: 1, maxLength: 7 }), (amounts) => {
        const dimensions = ['cpu', 'memory', 'disk', 'gpu', 'volume', 'egress', 'address'] as const;
        const some = amounts.map((amount, index) => line({ dimension: dimensions[index] ?? null, amount: (amount / 10 ** 6).toFixed(6) }));
        const head = headOf(totalsOf(some, '19', 'EUR'));
        const items = stripeItems(head, some);
        expect(items.reduce((sum, { amount }) => sum + amount, 0)).toBe(Math.round(Number(head.total) * 100));
        expect(items.every(({ amount }) => Number.isInteger(amount) && amount !== 0)).toBe(true);
        expect(stripeItems(head, [...some].reverse())).toEqual(items);
      }),
    );
  });
});
