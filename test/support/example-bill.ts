// The bill that docs/billing.md explains: `node --import tsx test/support/example-bill.ts` prints its lines and totals.
// test/rules/example-bill.spec.ts holds the page to it.

import type { Dimension } from '@berth/contract';
import { monthOf } from '../../src/billing/invoices/billing-month.js';
import { groupLines } from '../../src/billing/invoices/group-lines.js';
import { totalsOf } from '../../src/billing/invoices/invoice-totals.js';
import { describeLine } from '../../src/billing/invoices/line-words.js';
import type { PriceBook } from '../../src/billing/price-book.js';
import { ratePeriod } from '../../src/billing/rate-period.js';
import type { TenantContract } from '../../src/billing/tenant-contract.js';
import type { Segment, UsageSum } from '../../src/billing/usage-sum.js';

const hourMs = 3_600_000n;
const gib = 1024n;
const month = monthOf(Date.parse('2026-10-15T00:00:00Z'), 'Europe/Berlin');
const segment: Segment = { fromMs: month.startsAtMs, untilMs: month.endsAtMs };
const hoursOfMonth = BigInt(month.endsAtMs - month.startsAtMs) / hourMs;

const book: PriceBook = {
  ...{
    name: 'default',
    version: 3,
    currency: 'EUR',
    startsAtMs: 0,
    minimumMs: 0,
    imagePull: false,
    freeDiskMiB: 20_480,
    spotDiscountPercent: '60',
  },
  rates: [
    { dimension: 'cpu', price: '0.03' },
    { dimension: 'memory', price: '0.0033' },
    { dimension: 'egress', price: '0.05' },
  ],
  freeAllowance: { egress: '10' },
};
const contract: TenantContract = {
  ...{ tenantId: 'acme', currency: 'EUR', timeZone: 'Europe/Berlin', discountPercent: '0', commitments: [], reservations: [] },
  books: [{ fromMs: 0, book }],
  credits: [{ id: 'c', name: 'welcome', amount: '5', fromMs: 0, untilMs: null }],
};

function use(group: string, dimension: Dimension, quantity: bigint, more: Partial<UsageSum> = {}): UsageSum {
  const own = { definition: `${group}:4`, group, tags: '{}', userOrKey: null };
  return {
    tenantId: 'acme',
    isolation: 'container',
    capacityTier: 'flex',
    group: own,
    segment,
    purpose: 'used',
    fault: null,
    dimension,
    quantity,
    ...more,
  };
}

const sums: UsageSum[] = [
  // Two tasks of half a CPU and 1 GiB, all month.
  use('shop', 'cpu', 2n * 500n * hoursOfMonth * hourMs),
  use('shop', 'memory', 2n * gib * hoursOfMonth * hourMs),
  use('shop', 'egress', (25n * 1024n ** 3n) / 2n),
  // An hour of one of them ended with the loss of its host.
  use('shop', 'cpu', 500n * hourMs, { fault: 'HostLost' }),
  use('shop', 'memory', gib * hourMs, { fault: 'HostLost' }),
  // Every day ten minutes and 250 ms of two CPUs and 4 GiB, on capacity that may be taken away.
  use('report', 'cpu', 31n * 2000n * 600_250n, { capacityTier: 'spot' }),
  use('report', 'memory', 31n * 4n * gib * 600_250n, { capacityTier: 'spot' }),
];

/** As it stands in the page: Markdown. */
export function exampleBill(): string {
  const lines = ratePeriod(sums, contract, segment).map((line) => ({ ...line, corrects: null }));
  const rows = groupLines(lines, 'service').flatMap(({ name, amount, lines: own }) => [
    `| **${name ?? 'Account'}** | | | **${amount}** |`,
    ...own.map(
      (line) =>
        `| ${describeLine(line)} | ${line.dimension ? `${line.quantity} ${line.unit}` : ''} | ${line.dimension ? line.price : ''} | ${line.amount} |`,
    ),
  ]);
  const { exact, subtotal, tax, total } = totalsOf(lines, '19', 'EUR');
  const totals = [
    ['Sum of the lines', exact],
    ['Subtotal', subtotal],
    ['VAT 19 %', tax],
    ['**Total EUR**', `**${total}**`],
  ].map(([name, value]) => `| ${name} | | | ${value} |`);
  return ['| | quantity | price | amount |', '|---|---|---|---|', ...rows, ...totals].join('\n');
}

if (process.argv[1] === import.meta.filename) process.stdout.write(`${exampleBill()}\n`);
