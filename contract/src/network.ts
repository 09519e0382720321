// The network as task definitions ask for it, as hosts are told of it, and as tasks show it. Security groups have a
// file of their own.
import { z } from 'zod';
import { hostIdSchema } from './ids.js';
import { cidrSchema, ruleProtocols } from './security-group.js';

export const networkLimits = { mbps: { min: 1, max: 100_000 }, publishedPorts: 100 } as const;

export const portProtocols = ['tcp', 'udp'] as const;
const port = z.int().min(1).max(65_535);

// Without a name in the OpenAPI document: what may be left out differs between what is sent and what is shown.
export const publishedPortSchema = z.strictObject({
  containerPort: port.describe('Where the container listens.'),
  hostPort: port
    .max(32_767)
    .optional()
    .describe('Port of the host, the same on whichever host it runs: one such task a host. Left out: a free one is chosen.'),
  protocol: z.enum(portProtocols).default('tcp'),
});
export type PublishedPort = z.output<typeof publishedPortSchema>;

export const publishedPortsSchema = z
  .array(publishedPortSchema)
  .max(networkLimits.publishedPorts)
  .superRefine((ports, context) => {
    const seen = new Set<string>();
    ports.forEach(({ hostPort, protocol }, index) => {
      const key = `${protocol} ${hostPort}`;
      if (hostPort !== undefined && seen.has(key))
        context.addIssue({ code: 'custom', path: [index, 'hostPort'], message: `${hostPort}/${protocol} is published twice` });
      seen.add(key);
    });
  });

export const networkMbpsSchema = z.int().min(networkLimits.mbps.min).max(networkLimits.mbps.max);

/** A published port as it came to be on the host. */
export const assignedPortSchema = z
  .object({ containerPort: z.int(), hostPort: z.int(), protocol: z.enum(portProtocols) })
  .meta({ id: 'TaskPort' });
export type AssignedPort = z.output<typeof assignedPortSchema>;

/** A locally administered MAC made of the address, so that neighbours' caches never go stale when one is used again. */
export function macOf(address: string): string {
  return `0a:58:${address
    .split('.')
    .map((byte) => Number(byte).toString(16).padStart(2, '0'))
    .join(':')}`;
}

// ── What hosts are told ──

const groupIdSchema = z.uuid();
const addressSchema = z.ipv4();

/** What a host has to know of a task's network. Null in a task's spec: it reaches the outside, and nobody reaches it. */
export const taskNetworkSchema = z.object({
  securityGroups: z.array(groupIdSchema).max(20),
  /** The task named no group: what it publishes is open to everybody outside. */
  publishedOpen: z.boolean(),
  publishedPorts: z.array(publishedPortSchema).max(networkLimits.publishedPorts),
  mbps: networkMbpsSchema.nullable(),
});
export type TaskNetwork = z.output<typeof taskNetworkSchema>;

const peer = z.union([z.object({ cidr: cidrSchema }), z.object({ groupId: groupIdSchema })]);
const wireRuleSchema = z.object({
  protocol: z.enum(ruleProtocols),
  fromPort: z.int().min(0).max(65_535).nullable(),
  toPort: z.int().min(0).max(65_535).nullable(),
  peer,
});
/** A rule of a group, with groups by id. `peer` is its source or its destination. */
export type WireRule = z.output<typeof wireRuleSchema>;

const wireGroupSchema = z.object({ id: groupIdSchema, ingress: z.array(wireRuleSchema), egress: z.array(wireRuleSchema) });
export type WireGroup = z.output<typeof wireGroupSchema>;

const tenantNetworkSchema = z.object({
  tenantId: z.uuid(),
  groups: z.array(wireGroupSchema),
  /** The tenant's tasks on other hosts. Those on this one are known to its agent, and earlier. */
  members: z.array(z.object({ address: addressSchema, groups: z.array(groupIdSchema) })),
});
export type TenantNetwork = z.output<typeof tenantNetworkSchema>;

const hostEntrySchema = z.object({
  hostId: hostIdSchema,
  /** Where its tasks have their addresses. */
  subnet: cidrSchema,
  /** Its own address in the network that connects the hosts. */
  underlay: addressSchema,
});
export type HostEntry = z.output<typeof hostEntrySchema>;

/**
 * Everything a host needs to know of the network, at once; it takes the place of what was sent before. Sent after
 * `welcome` and whenever something of it changes.
 */
export const networkFrameSchema = z.object({
  type: z.literal('network'),
  /** Grows with every frame of a connection. */
  version: z.int().min(1),
  /** The subnet that this host is to use for its tasks; null: the one it is configured with. */
  subnet: cidrSchema.nullable(),
  /** Every address in here is a task's, on some host. */
  taskNetwork: cidrSchema.nullable(),
  overlay: z.object({ vni: z.int().min(1).max(16_777_215), port: z.int().min(1).max(65_535) }).nullable(),
  /** The other hosts of the overlay. */
  hosts: z.array(hostEntrySchema),
  /** Where no task may connect to, beside what its host knows itself. A port of null means all of them. */
  guarded: z.array(z.object({ cidr: cidrSchema, port: z.int().min(1).max(65_535).nullable() })),
  tenants: z.array(tenantNetworkSchema),
});
export type NetworkFrame = z.output<typeof networkFrameSchema>;
export type NetworkState = Omit<NetworkFrame, 'type' | 'version'>;

/** What an agent says of its network in `hello`. */
export const hostNetworkSchema = z.object({
  subnet: cidrSchema,
  /** The address at which other hosts reach this one; null: it knows none but its loopback. */
  underlay: addressSchema.nullable(),
});
export type HostNetwork = z.output<typeof hostNetworkSchema>;
