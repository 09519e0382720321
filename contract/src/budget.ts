// Budgets: what a tenant means to spend in a month, who is told on the way there, and whether new work stops then.
import { z } from 'zod';

const money = z
  .string()
  .regex(/^\d{1,15}(\.\d{1,12})?$/, 'must be a decimal number such as 250 or 99.50')
  .refine((text) => /[1-9]/.test(text), 'must be more than 0');

export const budgetLimits = { perTenant: 50, thresholds: 10, emails: 10 } as const;

export const budgetNameSchema = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'must be 1–63 lower-case letters, digits or "-", not at the ends');

export const budgetScopeSchema = z
  .strictObject({
    definition: z.string().min(1).max(140).optional().describe('`family`, or `family:revision`.'),
    group: z.string().min(1).max(128).optional().describe('Name of a service or job.'),
    user: z.string().min(1).max(255).optional().describe('Who submitted it.'),
    tag: z.strictObject({ key: z.string().min(1).max(128), value: z.string().max(256) }).optional(),
  })
  .describe('What it counts: usage that fits all that is given. Empty: everything of the tenant.');

const thresholds = z
  .array(z.int().min(1).max(1000))
  .min(1)
  .max(budgetLimits.thresholds)
  .refine((all) => all.every((one, index) => index === 0 || one > (all[index - 1] as number)), 'must rise')
  .describe('In per cent of the amount. Each is told once a month.');

const fields = {
  name: budgetNameSchema,
  amount: money.describe('A month, in the tenant’s currency.'),
  stopsNewWork: z
    .boolean()
    .describe('Once all of it is spent, no new tasks of its scope are taken until the month is over. Running ones go on.'),
  emails: z.array(z.email().max(254)).max(budgetLimits.emails),
};

export const createBudgetSchema = z
  .strictObject({
    ...fields,
    scope: budgetScopeSchema.default({}),
    thresholds: thresholds.default([50, 80, 100]),
    stopsNewWork: fields.stopsNewWork.default(false),
    emails: fields.emails.default([]),
    webhook: z
      .strictObject({
        url: z.url({ protocol: /^https?$/ }).max(2048),
        secret: z
          .string()
          .min(16)
          .max(256)
          .describe('Signs what is sent: Berth-Signature is `t=SECONDS,v1=HEX`, HMAC-SHA-256 of `SECONDS.BODY`.'),
      })
      .optional()
      .describe('Is sent each alert by POST, at least once.'),
  })
  .meta({ id: 'CreateBudget' });
export type CreateBudget = z.output<typeof createBudgetSchema>;

export const budgetSchema = z
  .object({
    id: z.string(),
    ...fields,
    scope: budgetScopeSchema,
    thresholds: z.array(z.int()),
    webhookUrl: z.string().nullable(),
    exhausted: z.boolean().describe('It stops new work at the moment.'),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'Budget' });
export type Budget = z.output<typeof budgetSchema>;

export const budgetAlertSchema = z
  .object({
    id: z.string(),
    budget: z.string(),
    month: z.iso.datetime().describe('Its beginning.'),
    threshold: z.int(),
    spent: z.string(),
    amount: z.string(),
    at: z.iso.datetime(),
    deliveries: z.array(
      z.object({
        kind: z.enum(['webhook', 'email']),
        target: z.string(),
        attempts: z.int(),
        deliveredAt: z.iso.datetime().nullable(),
        failure: z.string().nullable().describe('What went wrong the last time.'),
      }),
    ),
  })
  .meta({ id: 'BudgetAlert' });
export type BudgetAlert = z.output<typeof budgetAlertSchema>;

export const budgetListSchema = z.object({ items: z.array(budgetSchema) }).meta({ id: 'BudgetList' });
export const budgetAlertListSchema = z.object({ items: z.array(budgetAlertSchema) }).meta({ id: 'BudgetAlertList' });
