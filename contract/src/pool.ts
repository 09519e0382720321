// Pools: rules by which Berth starts and ends machines at EC2. Operators make them; src/fleet/ keeps to them.
import { z } from 'zod';
import { isolationTiers } from './isolation.js';
import { machineStates } from './machine-state.js';
import { architectures } from './placement.js';
import { limits } from './sizes.js';

export const poolLimits = {
  instanceTypes: 20,
  zones: 10,
  maxHosts: 5000,
  cooldownSeconds: { max: 86_400, default: 300 },
  joinTimeoutSeconds: { min: 60, max: 3600, default: 600 },
  /** EC2 takes 16 KiB of user data; Berth's own lines come first. */
  bootScriptBytes: 12 * 1024,
} as const;

/** How EC2 sells a machine. */
export const markets = ['on-demand', 'spot'] as const;
export type Market = (typeof markets)[number];

/** What a machine runs at its first start unless the pool says otherwise: Berth is in its image. */
export const defaultBootScript = 'exec /opt/berth/bin/join "$BERTH_JOIN_URL" "$BERTH_HOST_TOKEN"\n';

const poolName = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/, 'must be 1–40 lower-case letters, digits or "-", not at the ends');

const hourlyPrice = z.string().regex(/^\d{1,6}(\.\d{1,6})?$/, 'must be a decimal such as "0.0960"');

const instanceTypeSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9-]{1,20}\.[a-z0-9-]{1,20}$/, 'must be a type of EC2 such as m7i.large'),
  cpuMillis: z
    .int()
    .min(limits.cpuMillis.min)
    .max(limits.cpuMillis.max)
    .describe('What tasks may use on one. Once such a machine has joined, what its agent says counts.'),
  memoryMiB: z.int().min(limits.memoryMiB.min).max(limits.memoryMiB.max),
  diskMiB: z.int().min(0).max(100_000_000).optional().describe('Left out: disk is never what is short.'),
  gpus: z.int().min(0).max(16).optional(),
  gpuModel: z.string().min(1).max(63).optional(),
  taskSlots: z.int().min(1).max(1000).optional().describe('How many tasks fit on one at the most. Left out: 1000.'),
  arch: z.enum(architectures).optional().describe('Left out: amd64.'),
  onDemandPrice: hourlyPrice.describe('For an hour, in the currency of your choice, the same for all pools.'),
  spotPrice: hourlyPrice.optional().describe('What an hour usually costs on the spot market. Left out: never bought there.'),
});
export type PoolInstanceType = z.output<typeof instanceTypeSchema>;

const zoneSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9-]{3,40}$/, 'must be an availability zone such as eu-central-1a'),
  subnetId: z.string().regex(/^subnet-[0-9a-f]{8,32}$/, 'must be the id of a subnet in that zone'),
});

const launchTemplateSchema = z.strictObject({
  id: z.string().regex(/^lt-[0-9a-f]{8,32}$/, 'must be the id of a launch template'),
  version: z.string().regex(/^([1-9]\d{0,9}|\$Latest|\$Default)$/, 'must be a number, $Latest or $Default'),
});

const tagKey = z.string().regex(/^(?!aws:|berth:)[\w .:/=+@-]{1,128}$/, 'must be 1–128 characters, and not begin with aws: or berth:');
const attributeKey = z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9._/-]{0,62}$/, 'must be 1–63 letters, digits, ".", "_", "/" or "-"');

const settings = {
  launchTemplate: launchTemplateSchema.describe('Image, role, security groups and disks of its machines.'),
  instanceTypes: z
    .array(instanceTypeSchema)
    .min(1)
    .max(poolLimits.instanceTypes)
    .describe('From which the one is taken that costs least for what waits.'),
  zones: z.array(zoneSchema).min(1).max(poolLimits.zones).describe('Machines are spread evenly over them.'),
  onDemandBase: z
    .int()
    .min(0)
    .max(poolLimits.maxHosts)
    .describe('So many machines are bought on demand before any is bought on the spot market.'),
  spotPercent: z.int().min(0).max(100).describe('So much of what goes beyond the base is bought on the spot market, while it has any.'),
  minHosts: z.int().min(0).max(poolLimits.maxHosts).describe('So many are always kept.'),
  maxHosts: z.int().min(0).max(poolLimits.maxHosts).describe('Never more, those that are on their way in or out included.'),
  idleHosts: z.int().min(0).max(poolLimits.maxHosts).describe('So many are kept without any task, for what comes next.'),
  cooldownSeconds: z
    .int()
    .min(0)
    .max(poolLimits.cooldownSeconds.max)
    .describe('A machine leaves when it was not needed for so long, and so long after the pool last grew.'),
  emptyBelowPercent: z
    .int()
    .min(0)
    .max(100)
    .describe('Machines used to at most so many percent are drained when their tasks fit elsewhere. 0: only empty ones leave.'),
  joinTimeoutSeconds: z
    .int()
    .min(poolLimits.joinTimeoutSeconds.min)
    .max(poolLimits.joinTimeoutSeconds.max)
    .describe('A machine whose agent has not joined by then is ended.'),
  isolation: z.array(z.enum(isolationTiers)).min(1).max(isolationTiers.length).describe('The tiers that its hosts have.'),
  attributes: z.record(attributeKey, z.string().max(255)).describe('Attributes that its hosts will have, for tasks that ask for them.'),
  bootScript: z
    .string()
    .min(1)
    .max(poolLimits.bootScriptBytes)
    .describe('Shell script that a machine runs at its first start. It finds BERTH_JOIN_URL, BERTH_HOST_TOKEN and others set.'),
  tags: z.record(tagKey, z.string().max(256)).describe('Tags of its machines at EC2, beside Berth’s own.'),
};

const settingsSchema = z.strictObject(settings);
export type PoolSettings = z.output<typeof settingsSchema>;

export const createPoolSchema = settingsSchema
  .extend({
    name: poolName,
    launchTemplate: launchTemplateSchema
      .extend({ version: launchTemplateSchema.shape.version.default('$Default') })
      .describe('Image, role, security groups and disks of its machines.'),
    onDemandBase: settings.onDemandBase.default(0),
    spotPercent: settings.spotPercent.default(0),
    minHosts: settings.minHosts.default(0),
    idleHosts: settings.idleHosts.default(0),
    cooldownSeconds: settings.cooldownSeconds.default(poolLimits.cooldownSeconds.default),
    emptyBelowPercent: settings.emptyBelowPercent.default(0),
    joinTimeoutSeconds: settings.joinTimeoutSeconds.default(poolLimits.joinTimeoutSeconds.default),
    isolation: settings.isolation.default(['container']),
    attributes: settings.attributes.default({}),
    bootScript: settings.bootScript.default(defaultBootScript),
    tags: settings.tags.default({}),
  })
  .superRefine((pool, context) => {
    for (const { path, message } of poolFaults(pool)) context.addIssue({ code: 'custom', path, message });
  })
  .meta({ id: 'CreatePool' });
export type CreatePool = z.output<typeof createPoolSchema>;

export const updatePoolSchema = settingsSchema
  .partial()
  .meta({ id: 'UpdatePool' })
  .describe('What is left out stays; a list takes the place of the whole list before it.');
export type UpdatePool = z.output<typeof updatePoolSchema>;

export const machineSchema = z
  .object({
    id: z.string(),
    state: z.enum(machineStates),
    instanceType: z.string(),
    zone: z.string(),
    market: z.enum(markets),
    instanceId: z.string().nullable().describe('EC2’s name for it; null while EC2 has not answered yet.'),
    hostId: z.string().nullable().describe('The host that it became.'),
    reason: z.string().describe('Why it was asked for.'),
    endReason: z.string().nullable().describe('Why it leaves, or has left.'),
    requestedAt: z.iso.datetime(),
    launchedAt: z.iso.datetime().nullable(),
    joinedAt: z.iso.datetime().nullable(),
    drainingSince: z.iso.datetime().nullable(),
    endedAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Machine' });
export type Machine = z.output<typeof machineSchema>;

const shortageSchema = z.object({
  instanceType: z.string(),
  zone: z.string(),
  market: z.enum(markets),
  until: z.iso.datetime(),
});

const machineCountsSchema = z.object({
  requested: z.int(),
  launched: z.int(),
  joined: z.int(),
  draining: z.int(),
  ending: z.int(),
});

export const poolSchema = settingsSchema
  .extend({
    id: z.string(),
    name: z.string(),
    machines: machineCountsSchema.describe('How many are in which state, those of the past not counted.'),
    hourlyPrice: z.string().describe('What its machines cost for an hour, by the prices above.'),
    shortages: z.array(shortageSchema).describe('What EC2 had none of, and is not asked for again until then.'),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: 'Pool' });
export type Pool = z.output<typeof poolSchema>;

interface PoolFault {
  readonly path: string[];
  readonly message: string;
}

/** What can't be true together in a pool's settings, each with the field to change. */
export function poolFaults(pool: PoolSettings): PoolFault[] {
  const faults: PoolFault[] = [];
  const fault = (path: string, message: string) => faults.push({ path: [path], message });
  if (pool.minHosts > pool.maxHosts) fault('minHosts', `is more than maxHosts, ${pool.maxHosts}`);
  if (pool.idleHosts > pool.maxHosts) fault('idleHosts', `is more than maxHosts, ${pool.maxHosts}`);
  if (repeats(pool.instanceTypes.map(({ name }) => name))) fault('instanceTypes', 'names a type twice');
  if (repeats(pool.zones.map(({ name }) => name))) fault('zones', 'names a zone twice');
  if (pool.spotPercent > 0 && pool.instanceTypes.every(({ spotPrice }) => spotPrice === undefined))
    fault('spotPercent', 'is above 0, but no instance type has a spotPrice');
  return faults;
}

function repeats(names: readonly string[]): boolean {
  return new Set(names).size < names.length;
}
