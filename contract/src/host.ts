// Hosts as operators see and change them, and the tokens that turn a machine into one.
import { z } from 'zod';

/** Whether the host is there (`unreachable`, `lost`) goes before what operators want of it (`cordoned`, `draining`). */
export const hostStates = ['active', 'cordoned', 'draining', 'unreachable', 'lost'] as const;
export type HostState = (typeof hostStates)[number];

export const hostAvailabilities = ['open', 'cordoned', 'draining'] as const;
export type HostAvailability = (typeof hostAvailabilities)[number];

const place = z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}$/, 'must be 1–63 letters, digits, ".", "_" or "-"');
export const poolNameSchema = place.describe('Hosts that are alike and scale together.');
export const zoneNameSchema = place.describe('What fails together: a data centre, a rack, an availability zone.');

/** They have fields of their own. */
const reservedAttributes = ['zone', 'pool'];
const attributeName = z
  .string()
  .regex(/^[a-zA-Z0-9][a-zA-Z0-9._/-]{0,62}$/, 'must be 1–63 letters, digits, ".", "_", "/" or "-"')
  .refine((name) => !reservedAttributes.includes(name), 'has a field of its own: set that');
const attributeValue = z
  .string()
  .max(256)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
  .regex(/^[^\u0000-\u001f\u007f]*$/, 'must not have control characters');
const atMost64 = (attributes: object) => Object.keys(attributes).length <= 64;

export const hostAttributesSchema = z.record(attributeName, attributeValue).refine(atMost64, 'must not be more than 64');

export const hostSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    state: z.enum(hostStates),
    availability: z.enum(hostAvailabilities).describe('What operators want of it, also while it is not there.'),
    pool: z.string(),
    zone: z.string(),
    cpuMillis: z.int().describe('What tasks may use in all.'),
    memoryMiB: z.int(),
    taskSlots: z.int(),
    diskMiB: z.int().nullable().describe('For ephemeral storage and volumes. Null: its agent does not count it.'),
    diskPressure: z
      .string()
      .nullable()
      .describe('Why its disk can take no more tasks at the moment; nothing is placed there until that is over.'),
    usedCpuMillis: z.int(),
    usedMemoryMiB: z.int(),
    usedDiskMiB: z.int(),
    tasks: z.int(),
    attributes: z
      .record(z.string(), z.string())
      .describe('What placement goes by: what its agent reports (arch, kernel, agentVersion …), and over it what operators set.'),
    operatorAttributes: z.record(z.string(), z.string()).describe('Those of them that operators set.'),
    enrolledAt: z.iso.datetime(),
    lastSeenAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Host' });
export type Host = z.output<typeof hostSchema>;

export const updateHostSchema = z
  .strictObject({
    pool: poolNameSchema.optional(),
    zone: zoneNameSchema.nullable().optional().describe('Null: what its agent says.'),
    attributes: z
      .record(attributeName, attributeValue.nullable())
      .refine(atMost64, 'must not be more than 64')
      .optional()
      .describe('Set these, and take off those that are null. Others stay.'),
  })
  .meta({ id: 'UpdateHost' });
export type UpdateHost = z.output<typeof updateHostSchema>;

export const removeHostQuerySchema = z.strictObject({
  force: z
    .enum(['true', 'false'])
    .default('false')
    .transform((text) => text === 'true')
    .describe('Also while it has tasks. They count as lost, and what still runs there is no longer known here.'),
});

export const hostEventSchema = z
  .object({
    id: z.string(),
    hostId: z.string(),
    at: z.iso.datetime(),
    type: z.string().describe('enrolled, labelled, cordoned, uncordoned, drain-started, drain-forced, drained, drain-cancelled, removed …'),
    reason: z.string(),
  })
  .meta({ id: 'HostEvent' });
export type HostEvent = z.output<typeof hostEventSchema>;

export const createHostTokenSchema = z
  .strictObject({
    validForSeconds: z.int().min(60).max(86_400).default(3600),
    pool: poolNameSchema.default('default'),
    zone: zoneNameSchema.optional().describe('Left out: what the agent says.'),
    attributes: hostAttributesSchema.default({}),
  })
  .meta({ id: 'CreateHostToken' });
export type CreateHostToken = z.output<typeof createHostTokenSchema>;

export const hostSoftwareSchema = z
  .object({
    url: z
      .string()
      .describe('Where a new machine gets it, without a key. Its certificate is of an authority that the machine does not know yet.'),
    sha256: z.string().describe('Of the file, in hex: check it before anything in it is run.'),
    sizeBytes: z.int(),
  })
  .meta({ id: 'HostSoftware' });

export const hostTokenSchema = z
  .object({
    token: z.string().describe('Makes one host. It also names the authority to trust, so the agent needs nothing else.'),
    gatewayUrl: z.string(),
    joinUrl: z.string().describe('What bin/join takes beside the token.'),
    expiresAt: z.iso.datetime(),
  })
  .meta({ id: 'HostToken' });
