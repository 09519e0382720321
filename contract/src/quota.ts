// Quotas: how much a tenant may have at one time, or do in some time. What is new has its name here, and is counted in
// src/accounts/quotas.store.ts.
import { z } from 'zod';

/** `rate`: spent and given back by time; the others are counted. */
export const quotaTable = {
  tasks: { unit: 'tasks', rate: false, what: 'tasks that have not stopped' },
  cpuMillis: { unit: 'milli-CPUs', rate: false, what: 'CPU of those tasks' },
  memoryMiB: { unit: 'MiB', rate: false, what: 'memory of those tasks' },
  diskMiB: { unit: 'MiB', rate: false, what: 'ephemeral disk of those tasks' },
  volumes: { unit: 'volumes', rate: false, what: 'persistent volumes' },
  volumeMiB: { unit: 'MiB', rate: false, what: 'size of those volumes' },
  launchesPerMinute: { unit: 'tasks a minute', rate: true, what: 'tasks that are started; as many at once as in a minute' },
  requestsPerSecond: { unit: 'requests a second', rate: true, what: 'requests of all keys and users of the tenant together' },
} as const;
export type QuotaName = keyof typeof quotaTable;
export const quotaNames = Object.keys(quotaTable) as QuotaName[];
/** Those that are counted. */
export type CountedQuota = { [N in QuotaName]: (typeof quotaTable)[N]['rate'] extends false ? N : never }[QuotaName];

const limit = z.int().min(0).max(Number.MAX_SAFE_INTEGER);

export const quotaSchema = z
  .object({
    name: z.enum(quotaNames as [QuotaName, ...QuotaName[]]),
    what: z.string(),
    unit: z.string(),
    limit: z.int().nullable().describe('Null: as much as there is.'),
    used: z.int().nullable().describe('Null where nothing is counted while there is no limit.'),
    isDefault: z.boolean().describe('Whether the limit is the platform’s default.'),
  })
  .meta({ id: 'Quota' });
export type Quota = z.output<typeof quotaSchema>;

export const quotasSchema = z.object({ items: z.array(quotaSchema) }).meta({ id: 'Quotas' });

const each = <T extends z.ZodType>(value: T) =>
  Object.fromEntries(quotaNames.map((name) => [name, value.optional()])) as Record<QuotaName, z.ZodOptional<T>>;

export const setQuotasSchema = z
  .strictObject(each(z.union([limit, z.null(), z.literal('default')])))
  .meta({ id: 'SetQuotas' })
  .describe('What is absent stays. null: no limit, whatever the default is.');
export type SetQuotas = z.output<typeof setQuotasSchema>;

export const setQuotaDefaultsSchema = z.strictObject(each(limit.nullable())).meta({ id: 'SetQuotaDefaults' });
