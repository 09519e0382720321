// Hosts as operators see them, and the tokens that turn a machine into one.
import { z } from 'zod';

export const hostStates = ['active', 'unreachable', 'lost'] as const;
export type HostState = (typeof hostStates)[number];

export const hostSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    state: z.enum(hostStates),
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
    attributes: z.record(z.string(), z.string()).describe('For example arch, kernel, cgroup, agentVersion.'),
    enrolledAt: z.iso.datetime(),
    lastSeenAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Host' });
export type Host = z.output<typeof hostSchema>;

export const createHostTokenSchema = z
  .strictObject({ validForSeconds: z.int().min(60).max(86_400).default(3600) })
  .meta({ id: 'CreateHostToken' });

export const hostTokenSchema = z
  .object({
    token: z.string().describe('Usable once. It also names the authority to trust, so the agent needs nothing else.'),
    gatewayUrl: z.string(),
    expiresAt: z.iso.datetime(),
  })
  .meta({ id: 'HostToken' });
