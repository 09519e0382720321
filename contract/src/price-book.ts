// Price books: what a unit of each dimension costs. Operators make them; tenants read the one that holds for them. Money and
// quantities are decimal strings.
import { z } from 'zod';
import { isolationTiers } from './isolation.js';
import { capacityTiers } from './placement.js';

/** What is metered. Each has one base unit, always a whole number: no fraction is ever added up. */
export const dimensions = ['cpu', 'memory', 'disk', 'gpu', 'volume', 'egress', 'address'] as const;
export type Dimension = (typeof dimensions)[number];

export const priceBookLimits = { rates: 100, steps: 20, minimumMs: 3_600_000, freeDiskMiB: 100_000_000 } as const;

/** Before 1970 there is no time that a database and a calendar agree about. */
export const agreedTimeSchema = z.iso.datetime().refine((text) => Date.parse(text) >= 0, 'must not be before 1970');

const price = z.string().regex(/^\d{1,9}(\.\d{1,12})?$/, 'must be a decimal number such as 0.04048');
const quantity = z.string().regex(/^\d{1,15}(\.\d{1,6})?$/, 'must be a decimal number such as 100');

/** In percent, with up to four digits after the point. */
export const percentSchema = z
  .string()
  .regex(/^(100(\.0{1,4})?|\d{1,2}(\.\d{1,4})?)$/, 'must be a percentage from 0 to 100, for example "20" or "12.5"');

export const priceBookNameSchema = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'must be 1–63 lower-case letters, digits or "-", not at the ends');

export const rateSchema = z
  .strictObject({
    dimension: z
      .enum(dimensions)
      .describe('cpu: vCPU-hour; memory, disk, volume: GiB-hour; gpu: GPU-hour; egress: GiB; address: address-hour.'),
    isolation: z.enum(isolationTiers).optional().describe('Left out: any. Of several rates that fit, the one that says most is taken.'),
    capacityTier: z.enum(capacityTiers).optional().describe('Left out: any; spot at spotDiscountPercent less.'),
    price: price.describe('Of one unit.'),
    steps: z
      .array(z.strictObject({ above: quantity.describe('Units in a month.'), price }))
      .min(1)
      .max(priceBookLimits.steps)
      .refine((steps) => steps.every(({ above }, n) => Number(above) > (n === 0 ? 0 : Number(steps[n - 1]?.above))), 'must rise')
      .optional()
      .describe('Graduated: the part of a month’s quantity above `above` costs `price`.'),
  })
  .meta({ id: 'Rate' });

const rates = z
  .array(rateSchema)
  .max(priceBookLimits.rates)
  .refine((all) => new Set(all.map(targetOf)).size === all.length, 'must not have two prices for the same dimension and tiers')
  .describe('What has no rate costs nothing.');

const terms = {
  rates,
  minimumMs: z
    .int()
    .min(0)
    .max(priceBookLimits.minimumMs)
    .describe('A task that ran for less is billed for so long. 0: to the millisecond.'),
  imagePull: z.boolean().describe('Whether the time in which images are pulled is billed.'),
  freeDiskMiB: z.int().min(0).max(priceBookLimits.freeDiskMiB).describe('Of each task’s own disk.'),
  spotDiscountPercent: percentSchema.describe('Off the price of tier spot, where no rate names that tier.'),
  freeAllowance: z.partialRecord(z.enum(dimensions), quantity).describe('Units a month that cost nothing.'),
};

const currency = z.string().regex(/^[A-Z]{3}$/, 'must be a code of ISO 4217, for example EUR');

export const createPriceBookSchema = z
  .strictObject({
    name: priceBookNameSchema,
    currency: currency.describe('ISO 4217. The same for all versions of a book.'),
    startsAt: agreedTimeSchema
      .optional()
      .describe(
        'In force from the first full hour (of the tenant’s time zone) from then on. Default: now; only a new book may begin earlier.',
      ),
    rates: rates.min(1),
    minimumMs: terms.minimumMs.default(0),
    imagePull: terms.imagePull.default(false),
    freeDiskMiB: terms.freeDiskMiB.default(20_480),
    spotDiscountPercent: terms.spotDiscountPercent.default('0'),
    freeAllowance: terms.freeAllowance.default({}),
  })
  .meta({ id: 'CreatePriceBook' });
export type CreatePriceBook = z.output<typeof createPriceBookSchema>;

export const priceBookSchema = z
  .object({
    name: z.string().describe('With `+own` at its end where a tenant’s own prices are merged into it.'),
    version: z.int(),
    currency: z.string(),
    startsAt: z.iso.datetime(),
    ...terms,
  })
  .meta({ id: 'PriceBook' });
export type PriceBookView = z.output<typeof priceBookSchema>;

export const priceBookListSchema = z.object({ items: z.array(priceBookSchema) }).meta({ id: 'PriceBookList' });

const overrides = z
  .strictObject({
    rates: rates.optional().describe('In place of the book’s for the same dimension and tiers, or beside them.'),
    minimumMs: terms.minimumMs.optional(),
    imagePull: terms.imagePull.optional(),
    freeDiskMiB: terms.freeDiskMiB.optional(),
    spotDiscountPercent: terms.spotDiscountPercent.optional(),
    freeAllowance: terms.freeAllowance.optional().describe('In place of the book’s for the same dimensions, or beside them.'),
  })
  .describe('What differs from the book for this tenant.');

export const setPricesSchema = z
  .strictObject({
    book: priceBookNameSchema,
    startsAt: agreedTimeSchema.optional().describe('Default: now. Not before the tenant’s open month.'),
    overrides: overrides.default({}),
    discountPercent: percentSchema.default('0').describe('Off the whole bill, before credits. Of a month: what holds at its end.'),
  })
  .meta({ id: 'SetPrices' });
export type SetPrices = z.output<typeof setPricesSchema>;

export const priceAgreementSchema = z
  .object({ startsAt: z.iso.datetime(), book: z.string(), overrides, discountPercent: z.string() })
  .meta({ id: 'PriceAgreement' });
export type PriceAgreementView = z.output<typeof priceAgreementSchema>;

function targetOf({ dimension, isolation, capacityTier }: { dimension: string; isolation?: string; capacityTier?: string }): string {
  return `${dimension} ${isolation} ${capacityTier}`;
}
