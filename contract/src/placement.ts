// Where a task may run, where it would rather run, and what it may count on. Everything is optional: without any of it a
// task goes where it fits tightest.
import { z } from 'zod';
import { limits } from './sizes.js';

export const placementLimits = { rules: 20, values: 50, maxPerHost: 1000, gpus: { min: 1, max: 30 }, noticeSeconds: 120 } as const;

const word = (of: string) =>
  z
    .string()
    .regex(
      /^[a-zA-Z0-9][a-zA-Z0-9._/-]{0,127}$/,
      `must be ${of}: 1–128 letters, digits, ".", "_", "/" or "-", and begin with a letter or digit`,
    );

export const zoneSchema = word('a zone');
export const architectures = ['amd64', 'arm64'] as const;
export const capacityTiers = ['guaranteed', 'flex', 'spot'] as const;
export type CapacityTier = (typeof capacityTiers)[number];

const attributeValues = z.array(z.string().max(256)).min(1).max(placementLimits.values);
const key = word('the name of an attribute').describe(
  'Of the host, as `berth hosts` shows it; not `hostname`, which says nothing of a host’s kind.',
);

export const attributeRuleSchema = z.discriminatedUnion('operator', [
  z.strictObject({
    key,
    operator: z.literal('in'),
    values: attributeValues.describe('The host has the attribute with one of these values.'),
  }),
  z.strictObject({
    key,
    operator: z.literal('notIn'),
    values: attributeValues.describe('The host has none of these values; it may lack the attribute.'),
  }),
  z.strictObject({ key, operator: z.literal('exists') }),
  z.strictObject({ key, operator: z.literal('absent') }),
]);

export const affinityRuleSchema = z.strictObject({
  tag: z
    .strictObject({ key: z.string().min(1).max(limits.tags.keyLength), value: z.string().max(limits.tags.valueLength) })
    .describe('A tag of other tasks of the same tenant.'),
  within: z.enum(['host', 'zone']).optional().describe('How near is near. Default: host.'),
});
const affinityRules = z.array(affinityRuleSchema).max(placementLimits.rules).optional();

export const capacityTierSchema = z
  .enum(capacityTiers)
  .describe(
    'guaranteed: draws on what is reserved for the tenant’s capacity group. flex: whatever is free and reserved for nobody. spot: what is ' +
      `idle, also of reservations; leaves with ${placementLimits.noticeSeconds} s notice when another needs the room. Default: flex.`,
  );

/** As sent and as stored: nothing is filled in, so that most tasks are alike. */
export const placementSchema = z.strictObject({
  zones: z.array(zoneSchema).min(1).max(placementLimits.values).optional().describe('Only in one of these zones.'),
  architecture: z.enum(architectures).optional(),
  attributes: z.array(attributeRuleSchema).max(placementLimits.rules).optional().describe('All must hold.'),
  uniqueHost: z.boolean().optional().describe('No two tasks of the group on one host; the same as `maxPerHost` 1.'),
  maxPerHost: z.int().min(1).max(placementLimits.maxPerHost).optional().describe('At most so many tasks of the group on one host.'),
  exclusiveHost: z.boolean().optional().describe('Alone on an empty host.'),
  affinity: affinityRules.describe(
    'Only near to a task with each of these tags. The first task with such a tag of its own may begin anywhere.',
  ),
  antiAffinity: affinityRules.describe('Only away from tasks with these tags; and they stay away from it.'),
  strategy: z
    .enum(['pack', 'spread'])
    .optional()
    .describe(
      'pack (the default): where least is left over, so that few hosts are needed. spread: on the hosts with the fewest tasks of the group.',
    ),
  zoneBalance: z.boolean().optional().describe('In the zone with the fewest tasks of the group, as long as it fits there.'),
});
export type PlacementRules = z.output<typeof placementSchema>;

export const gpusSchema = z.strictObject({
  count: z.int().min(placementLimits.gpus.min).max(placementLimits.gpus.max).describe('Whole devices.'),
  models: z.array(word('a GPU model')).min(1).max(placementLimits.values).optional().describe('One of these. Default: any.'),
});
export type Gpus = z.output<typeof gpusSchema>;

export const groupNameSchema = word('the name of a group').describe(
  'Tasks of one group are counted together for `uniqueHost`, `maxPerHost`, `strategy` and `zoneBalance`. Default: the definition’s family.',
);

export const gangSchema = z.strictObject({
  min: z
    .int()
    .min(1)
    .max(limits.tasksPerRequest.max)
    .optional()
    .describe('At least so many of the request’s tasks are placed together, or none. Default: all of them.'),
});

// ── Capacity groups ──

const capacityGroupName = word('the name of a capacity group');
export const putCapacityGroupSchema = z
  .strictObject({
    cpuMillis: z.int().min(0).max(2_000_000_000).describe('Reserved for its tenants’ guaranteed tasks; spot tasks may use it meanwhile.'),
    memoryMiB: z.int().min(0).max(2_000_000_000),
    gpus: z.int().min(0).max(1_000_000).optional().describe('Default: 0.'),
    tenants: z.array(z.uuid()).max(10_000).describe('Ids. A tenant is in one capacity group at the most.'),
  })
  .meta({ id: 'PutCapacityGroup' });
export type PutCapacityGroup = z.output<typeof putCapacityGroupSchema>;
export const capacityGroupNameSchema = capacityGroupName;

export const capacityGroupSchema = z
  .object({
    name: z.string(),
    cpuMillis: z.int(),
    memoryMiB: z.int(),
    gpus: z.int(),
    usedCpuMillis: z.int().describe('By guaranteed tasks of its tenants that are on hosts.'),
    usedMemoryMiB: z.int(),
    usedGpus: z.int(),
    tenants: z.array(z.string()),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'CapacityGroup' });
export type CapacityGroup = z.output<typeof capacityGroupSchema>;
