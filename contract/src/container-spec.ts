// The fields of a container's order that came after the first agents. Each has a default, so that frames and journals
// of before are still read. The values were checked with the definition; the agent looks once more at what crun is told.
import { z } from 'zod';
import { ulimitNames } from './container-fields.js';
import { limits } from './sizes.js';

const count = z.int().min(0);

export const containerExtrasSchema = z.object({
  /** Null: the task's. */
  hostname: z.string().nullable().default(null),
  labels: z.record(z.string(), z.string()).default({}),
  tty: z.boolean().default(false),
  /** −1 is unlimited. */
  ulimits: z.array(z.object({ name: z.enum(ulimitNames), soft: z.int(), hard: z.int() })).default([]),
  tmpfs: z.array(z.object({ path: z.string(), sizeMiB: count, mode: z.string(), uid: count, gid: count, exec: z.boolean() })).default([]),
  shmSizeMiB: count.default(limits.shmSizeMiB.default),
  sysctls: z.record(z.string(), z.string()).default({}),
  extraHosts: z.array(z.object({ hostname: z.string(), address: z.string() })).default([]),
  /** Empty servers: the host's. */
  dns: z
    .object({ servers: z.array(z.string()), search: z.array(z.string()), options: z.array(z.string()) })
    .default({ servers: [], search: [], options: [] }),
  capabilities: z.object({ add: z.array(z.string()), drop: z.array(z.string()) }).default({ add: [], drop: [] }),
  /** Its control group is its own to divide. */
  delegateCgroup: z.boolean().default(false),
  /** Null: no limit of the definition's own. */
  startTimeoutSeconds: count.nullable().default(null),
});
export type ContainerExtras = z.output<typeof containerExtrasSchema>;
