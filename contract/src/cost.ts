// What a tenant's work costs: now, this month so far, and by the end of it. Money is exact decimal strings.
import { z } from 'zod';
import { runTasksSchema } from './task.js';

const money = z
  .string()
  .regex(/^-?\d+(\.\d+)?$/, 'must be a decimal number')
  .describe('Exact decimal.');

/** `definition`, `group` (service or job), `user`, or `tag:KEY`. */
export const costGroupingSchema = z
  .string()
  .regex(/^(definition|group|user|tag:.{1,128})$/, 'must be definition, group, user or tag:KEY')
  .describe('definition, group (service or job), user (who submitted it), or tag:KEY.');

export const costQuerySchema = z.strictObject({
  groupBy: costGroupingSchema.optional(),
  since: z.iso
    .datetime()
    .optional()
    .describe('From the full hour of the tenant’s time zone before this. Default: the beginning of its month.'),
});
export type CostQuery = z.output<typeof costQuerySchema>;

const figures = {
  total: money.describe('From the beginning until now, before credits.'),
  perHour: money.describe('What another hour of what runs now costs at its prices.'),
  forecast: money.nullable().describe('By the end of the month, if all goes on as it is. Null when another beginning was asked for.'),
};

export const costsSchema = z
  .object({
    currency: z.string(),
    timeZone: z.string(),
    from: z.iso.datetime(),
    until: z.iso.datetime(),
    runningTasks: z.int(),
    ...figures,
    groups: z
      .array(
        z.object({
          key: z.string().nullable().describe('Null: what belongs to no group, such as reservations.'),
          label: z.string().nullable().describe('By user: the e-mail address, or the name of the API key, whose id the key is.'),
          ...figures,
        }),
      )
      .describe('Together exactly the total. The dearest comes first; empty without groupBy.'),
  })
  .meta({ id: 'Costs' });
export type Costs = z.output<typeof costsSchema>;

export const quoteRequestSchema = z
  .strictObject({
    run: runTasksSchema.describe('As for POST /v1/tasks. Nothing is registered or started.'),
    durationSeconds: z.int().min(1).max(31_622_400).default(3600).describe('How long each task will run.'),
    egressMiB: z.int().min(0).max(1_000_000_000).default(0).describe('What each task will send in that time.'),
  })
  .meta({ id: 'QuoteRequest' });
export type QuoteRequest = z.output<typeof quoteRequestSchema>;

export const quoteSchema = z
  .object({
    currency: z.string(),
    perHour: money.describe('Of all tasks together, while they run.'),
    total: money.describe('For the duration, by the prices of today, the shortest billed time included.'),
    priceBook: z.string().describe('name:version of the prices.'),
    lines: z.array(
      z
        .object({
          kind: z.enum(['usage', 'minimum']),
          dimension: z.string(),
          quantity: money,
          unit: z.string(),
          price: money,
          amount: money,
        })
        .meta({ id: 'QuoteLine' }),
    ),
  })
  .meta({ id: 'Quote' });
export type Quote = z.output<typeof quoteSchema>;
