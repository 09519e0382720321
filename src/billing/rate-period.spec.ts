import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PriceBook } from './price-book.js';
import { ratePeriod, totalOf } from './rate-period.js';
import type { RatedLine } from './rated-line.js';
import { segmentsOf } from './segments.js';
import type { TenantContract } from './tenant-contract.js';
import type { Segment, UsageSum } from './usage-sum.js';

const hour = 3_600_000;
const period: Segment = { fromMs: 0, untilMs: 720 * hour };

const book: PriceBook = {
  name: 'default',
  version: 1,
  currency: 'USD',
  startsAtMs: 0,
  rates: [
    { dimension: 'cpu', price: '0.03' },
    { dimension: 'memory', price: '0.0033' },
    { dimension: 'cpu', isolation: 'sandbox', price: '0.04' },
    { dimension: 'gpu', price: '1.2' },
    { dimension: 'egress', price: '0.05' },
  ],
  minimumMs: 0,
  imagePull: false,
  freeDiskMiB: 20_480,
  spotDiscountPercent: '70',
  freeAllowance: {},
};
const contract: TenantContract = {
  tenantId: 't',
  currency: 'USD',
  timeZone: 'UTC',
  books: [{ fromMs: 0, book }],
  discountPercent: '0',
  commitments: [],
  reservations: [],
  credits: [],
};

/** An interval of use, before it is summed. */
interface Use extends Omit<UsageSum, 'segment' | 'quantity' | 'tenantId'> {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly perMs: bigint;
}

const group = { definition: 'web:1', group: 'web', tags: '{"team":"a"}', userOrKey: null };
const use: Use = {
  dimension: 'cpu',
  isolation: 'container',
  capacityTier: 'flex',
  group,
  purpose: 'used',
  fault: null,
  fromMs: 0,
  untilMs: 10 * hour,
  perMs: 1000n,
};

/** What SQL does: cuts intervals where the contract says, and sums. Here each piece stays a sum of its own. */
function sumsOf(uses: readonly Use[], terms: TenantContract): UsageSum[] {
  return segmentsOf(terms, period).flatMap((segment) =>
    uses.flatMap(({ fromMs, untilMs, perMs, ...rest }) => {
      const ms = Math.min(untilMs, segment.untilMs) - Math.max(fromMs, segment.fromMs);
      return ms > 0 ? [{ ...rest, tenantId: 't', segment, quantity: perMs * BigInt(ms) }] : [];
    }),
  );
}

function rated(uses: readonly Use[], terms: Partial<TenantContract> = {}): RatedLine[] {
  const all = { ...contract, ...terms };
  return ratePeriod(sumsOf(uses, all), all, period);
}

function asText(lines: readonly RatedLine[]): string {
  const rows = lines.map((line) => {
    const what = [line.kind, line.dimension ?? '-', line.isolation ?? '-', line.capacityTier ?? '-', line.definition ?? '-'].join(' ');
    const hours = `hours ${line.segment.fromMs / hour}–${line.segment.untilMs / hour}`;
    return [
      `${what} | ${line.priceBook} | ${hours}${line.note && ` | ${line.note}`}`,
      `    ${line.quantity} ${line.unit} × ${line.price} = ${line.amount}   (list: × ${line.listPrice} = ${line.listAmount})`,
    ].join('\n');
  });
  return `${rows.join('\n')}\ntotal ${totalOf(lines)}\n`;
}

const other: Use = { ...use, group: { ...group, definition: 'batch:3', group: 'batch' }, fromMs: 2 * hour, perMs: 500n };
const memory: Use = { ...use, dimension: 'memory', perMs: 2048n };
const longTerm = { id: 'a', name: 'year', fromMs: 0, untilMs: 9000 * hour };

const golden: [string, readonly Use[], Partial<TenantContract>][] = [
  ['per-unit', [use, memory, other, { ...use, isolation: 'sandbox' }, { ...use, dimension: 'egress', perMs: 100_000n }], {}],
  ['spot', [use, { ...use, capacityTier: 'spot' }], {}],
  ['no-price', [use, { ...use, dimension: 'address', perMs: 1n }], {}],
  ['platform-fault', [use, { ...other, fault: 'HostLost' }, { ...other, fault: 'RuntimeFailed' }], {}],
  ['minimum', [use, { ...use, purpose: 'minimum', untilMs: 59_000 }], {}],
  ['image-pull-off', [use, { ...use, purpose: 'pull' }], {}],
  ['image-pull-on', [use, { ...use, purpose: 'pull' }], { books: [{ fromMs: 0, book: { ...book, imagePull: true } }] }],
  [
    'graduated',
    [use, other],
    {
      books: [
        {
          fromMs: 0,
          book: {
            ...book,
            rates: [
              {
                dimension: 'cpu',
                price: '0.03',
                steps: [
                  { above: '5', price: '0.02' },
                  { above: '12', price: '0.01' },
                ],
              },
            ],
          },
        },
      ],
    },
  ],
  ['free-allowance', [use, other, memory], { books: [{ fromMs: 0, book: { ...book, freeAllowance: { cpu: '7', memory: '100' } } }] }],
  [
    'new-prices',
    [use, memory],
    {
      books: [
        { fromMs: 0, book },
        { fromMs: 4 * hour, book: { ...book, version: 2, startsAtMs: 4 * hour, rates: [{ dimension: 'cpu', price: '0.05' }] } },
      ],
    },
  ],
  ['commitment-too-large', [use], { commitments: [{ ...longTerm, amountPerHour: '0.05', discountPercent: '20' }] }],
  [
    'commitment-too-small',
    [use, other],
    { commitments: [{ ...longTerm, untilMs: 10 * hour, amountPerHour: '0.012', discountPercent: '20' }] },
  ],
  [
    'reserved',
    [
      { ...use, capacityTier: 'guaranteed', untilMs: 2 * hour },
      { ...use, capacityTier: 'guaranteed', fromMs: hour, untilMs: 3 * hour, group: other.group },
      use,
    ],
    {
      reservations: [
        {
          ...longTerm,
          name: 'blue',
          untilMs: 4 * hour,
          isolation: 'container',
          capacityTier: 'guaranteed',
          cpuMillis: 1500,
          memoryMiB: 1024,
          gpus: 0,
          discountPercent: '10',
        },
      ],
    },
  ],
  ['discount', [use, memory], { discountPercent: '12.5' }],
  [
    'credits',
    [use],
    {
      credits: [
        { id: 'a', name: 'welcome', amount: '0.25', fromMs: 0, untilMs: null },
        { id: 'b', name: 'amends', amount: '0.1', fromMs: 0, untilMs: 100 * hour },
        { id: 'c', name: 'over', amount: '5', fromMs: -10, untilMs: 0 },
      ],
    },
  ],
];

describe('golden bills', () => {
  it.each(golden)('%s', async (name, uses, terms) => {
    await expect(asText(rated(uses, terms))).toMatchFileSnapshot(`golden/${name}.txt`);
  });
});

it('costs what the first version of rating said', () => {
  expect(
    totalOf(
      rated([
        { ...use, untilMs: 1, perMs: 10n },
        { ...memory, untilMs: 1, perMs: 16n },
      ]),
    ),
  ).toBe('0.000000000097');
  expect(
    totalOf(
      rated([
        { ...use, untilMs: hour, perMs: 250n },
        { ...memory, untilMs: hour, perMs: 256n },
      ]),
    ),
  ).toBe('0.008325');
});

it('rounds half to even, at the twelfth decimal', () => {
  const cost = (price: string) =>
    totalOf(rated([{ ...use, untilMs: hour }], { books: [{ fromMs: 0, book: { ...book, rates: [{ dimension: 'cpu', price }] } }] }));
  expect(['0.0000000000005', '0.0000000000015', '0.0000000000025', '0.00000000000250000000000000000001'].map(cost)).toEqual([
    '0',
    '0.000000000002',
    '0.000000000002',
    '0.000000000003',
  ]);
});

const anyUse: fc.Arbitrary<Use> = fc
  .record({
    dimension: fc.constantFrom('cpu', 'memory', 'gpu', 'egress', 'address'),
    isolation: fc.constantFrom('container', 'sandbox'),
    capacityTier: fc.constantFrom('guaranteed', 'flex', 'spot'),
    purpose: fc.constantFrom('used', 'used', 'minimum', 'pull'),
    fault: fc.constantFrom(null, null, 'HostLost'),
    definition: fc.constantFrom('a:1', 'b:1'),
    fromMs: fc.integer({ min: 0, max: 20 * hour }),
    lengthMs: fc.integer({ min: 1, max: 10 * hour }),
    perMs: fc.bigInt({ min: 1n, max: 256_000n }),
  } as const)
  .map(({ lengthMs, definition, ...rest }) => ({
    ...rest,
    untilMs: rest.fromMs + lengthMs,
    group: { ...group, definition },
  }));

const anyContract: fc.Arbitrary<Partial<TenantContract>> = fc
  .record({
    second: fc.option(fc.integer({ min: 1, max: 25 })),
    step: fc.integer({ min: 1, max: 30 }),
    allowance: fc.integer({ min: 0, max: 20 }),
    commitment: fc.option(fc.integer({ min: 1, max: 400 })),
    reservation: fc.option(fc.integer({ min: 0, max: 4000 })),
  })
  .map(({ second, step, allowance, commitment, reservation }) => {
    const rich: PriceBook = {
      ...book,
      imagePull: true,
      rates: [...book.rates, { dimension: 'address', price: '0.007', steps: [{ above: `${step}`, price: '0.0031' }] }],
      freeAllowance: { cpu: `${allowance}` },
    };
    const next = { ...rich, version: 2, startsAtMs: (second ?? 0) * hour, freeAllowance: {}, rates: book.rates };
    return {
      books: [{ fromMs: 0, book: rich }, ...(second ? [{ fromMs: second * hour, book: next }] : [])],
      commitments: commitment ? [{ ...longTerm, untilMs: 15 * hour, amountPerHour: `0.${commitment}`, discountPercent: '17' }] : [],
      reservations:
        reservation === null
          ? []
          : [
              {
                ...longTerm,
                fromMs: 3 * hour,
                isolation: 'container',
                capacityTier: 'guaranteed',
                cpuMillis: reservation,
                memoryMiB: reservation,
                gpus: 1,
                discountPercent: '5',
              },
            ],
    };
  });

/** Cuts a use at the given places. */
function cut(one: Use, places: readonly number[]): Use[] {
  const inside = [...new Set(places.map((place) => one.fromMs + (place % (one.untilMs - one.fromMs))))]
    .filter((at) => at > one.fromMs)
    .sort((a, b) => a - b);
  const edges = [one.fromMs, ...inside, one.untilMs];
  return edges.slice(1).map((untilMs, index) => ({ ...one, fromMs: edges[index] as number, untilMs }));
}

describe('properties, under every model at once', () => {
  const uses = fc.array(anyUse, { minLength: 1, maxLength: 6 });

  it('where intervals are cut changes nothing', () => {
    fc.assert(
      fc.property(uses, fc.array(fc.nat(), { maxLength: 6 }), anyContract, (all, places, terms) => {
        expect(
          rated(
            all.flatMap((one) => cut(one, places)),
            terms,
          ),
        ).toEqual(rated(all, terms));
      }),
      { numRuns: 60 },
    );
  });

  it('the order of usage changes nothing', () => {
    fc.assert(
      fc.property(uses, anyContract, (all, terms) => {
        expect(rated([...all].reverse(), terms)).toEqual(rated(all, terms));
      }),
      { numRuns: 60 },
    );
  });

  it('every base unit of use is in exactly one line', () => {
    fc.assert(
      fc.property(uses, anyContract, (all, terms) => {
        const lines = rated(all, terms).filter(({ kind, dimension }) => dimension === 'egress' && kind !== 'reserved');
        const bytes = lines.reduce((sum, { listAmount, listPrice }) => sum + Number(listAmount) / Number(listPrice), 0);
        const used = all
          .filter(({ dimension }) => dimension === 'egress')
          .reduce((sum, one) => sum + Number(one.perMs) * (one.untilMs - one.fromMs), 0);
        expect(bytes * 1024 ** 3).toBeCloseTo(used, -3);
      }),
      { numRuns: 60 },
    );
  });

  it('a commitment that is not used up costs what was committed to, and no more', () => {
    const commitments = [{ ...longTerm, untilMs: 10 * hour, amountPerHour: '0.5', discountPercent: '20' }];
    expect(Number(totalOf(rated([use, other], { commitments })))).toBeCloseTo(5, 9);
  });
});
