// What a tenant may write in a task definition. Unknown fields are refused everywhere, so that a typing error in an
// optional field is an error and not a surprise.
import { z } from 'zod';
import { pageQuerySchema } from './account.js';
import { capabilitiesSchema } from './capabilities.js';
import {
  delegateCgroupSchema,
  dnsSchema,
  extraHostsSchema,
  hostnameSchema,
  labelsSchema,
  shmSizeMiBSchema,
  signalSchema,
  tmpfsSchema,
  ulimitsSchema,
} from './container-fields.js';
import { dependencyFaults, dependsOnSchema } from './dependencies.js';
import { disruptionBudgetSchema, onHostDrainSchema } from './drain.js';
import { healthCheckSchema } from './health.js';
import { maxImageRefLength, parseImageRef } from './image-ref.js';
import { isolationFaults, isolationSchema } from './isolation.js';
import { networkMbpsSchema, publishedPortsSchema } from './network.js';
import { capacityTierSchema, gpusSchema, placementSchema } from './placement.js';
import { restartPolicySchema } from './restart-policy.js';
import { secretFields } from './secret.js';
import { securityGroupLimits, securityGroupNameSchema } from './security-group.js';
import { limits } from './sizes.js';
import { ephemeralStorageMiBSchema } from './storage.js';
import { storageFaults } from './storage-faults.js';
import { sysctlConflicts, sysctlsSchema } from './sysctls.js';
import { mountPointsSchema, taskVolumesSchema } from './volume.js';
import { volumeFaults } from './volume-faults.js';

const family = z
  .string()
  .regex(/^[a-zA-Z0-9][a-zA-Z0-9_-]{0,127}$/, 'must be 1–128 letters, digits, "-" or "_", and begin with a letter or digit');

export const containerNameSchema = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'must be 1–63 lower-case letters, digits or "-", not at the ends');

/** Text that reaches execve or a file: no NUL. 128 KiB is the kernel's limit for one argument (MAX_ARG_STRLEN). */
const argument = z
  .string()
  .max(131_071)
  .refine((text) => !text.includes('\0'), 'must not contain a NUL character');

export const argvSchema = z.array(argument).max(1000);

export const environmentSchema = z
  .record(z.string().regex(/^[^=\0]{1,256}$/, 'must be 1–256 characters without "="'), argument)
  .refine((env) => Object.keys(env).length <= 500, 'must not have more than 500 variables');

export const tagsSchema = z
  .record(z.string().min(1).max(limits.tags.keyLength), z.string().max(limits.tags.valueLength))
  .refine((tags) => Object.keys(tags).length <= limits.tags.max, `must not have more than ${limits.tags.max} tags`);

/** Text, as EC2 has it: what it says is the task's own business. */
export const userDataSchema = z
  .string()
  .refine((text) => new TextEncoder().encode(text).length <= limits.userDataBytes, `must not be larger than ${limits.userDataBytes} bytes`)
  .describe('Handed to the task’s containers at http://169.254.169.254/latest/user-data, as it is. At most 16 KiB.');

export const maxRunTimeSecondsSchema = z
  .int()
  .min(limits.maxRunTimeSeconds.min)
  .max(limits.maxRunTimeSeconds.max)
  .describe('The task is stopped when it has run this long, counted from its first process. Left out: no limit.');

export const cpuMillisSchema = z.int().min(limits.cpuMillis.min).max(limits.cpuMillis.max);
export const memoryMiBSchema = z.int().min(limits.memoryMiB.min).max(limits.memoryMiB.max);

export const securityGroupNamesSchema = z
  .array(securityGroupNameSchema)
  .min(1)
  .max(securityGroupLimits.perTask)
  .refine((names) => new Set(names).size === names.length, 'must not name a group twice');

export const containerDefinitionSchema = z
  .strictObject({
    name: containerNameSchema.describe('Unique within the task.'),
    image: z
      .string()
      .max(maxImageRefLength)
      .refine(
        (text) => parseImageRef(text, 'localhost') !== null,
        'must be an image reference such as busybox, team/api:1.4 or registry.example.com/api@sha256:…',
      )
      .describe('Without a registry, the bundled one is meant. Resolved to a digest when the definition is registered.'),
    entryPoint: argvSchema.min(1).optional().describe('In place of the image’s ENTRYPOINT; the image’s CMD is then not used.'),
    command: argvSchema.optional().describe('In place of the image’s CMD.'),
    environment: environmentSchema.default({}).describe('On top of the image’s variables.'),
    workingDirectory: z
      .string()
      .max(4096)
      .regex(/^\/[^\0]*$/, 'must be an absolute path')
      .optional(),
    user: z
      .string()
      .regex(/^[a-z0-9_][a-z0-9_-]{0,31}(:[a-z0-9_][a-z0-9_-]{0,31})?$/i, 'must be user or user:group, by name or number')
      .optional(),
    essential: z.boolean().default(true).describe('When an essential container ends, the task stops.'),
    cpuMillis: cpuMillisSchema.optional().describe('Limit of this container inside the task’s CPU, in thousandths of a CPU.'),
    memoryMiB: memoryMiBSchema.optional().describe('Limit of this container inside the task’s memory, in MiB.'),
    readonlyRootFilesystem: z.boolean().default(false),
    init: z.boolean().default(true).describe('Run a small init as process 1, which passes signals on and reaps children.'),
    hostname: hostnameSchema.optional().describe('Default: the task’s name, else the first part of its id.'),
    labels: labelsSchema.optional().describe('For programs that look at containers; Berth itself does nothing with them.'),
    tty: z.boolean().optional().describe('A terminal as standard input, output and error. Default: no.'),
    ulimits: ulimitsSchema.optional().describe('Never more than the host itself has: see its attribute `ulimits`.'),
    tmpfs: tmpfsSchema.optional().describe('Directories in memory, empty at the start.'),
    shmSizeMiB: shmSizeMiBSchema.optional().describe(`Size of /dev/shm. Default: ${limits.shmSizeMiB.default}.`),
    sysctls: sysctlsSchema.optional().describe('Kernel settings of the container’s own. Those of net.* hold for the whole task.'),
    extraHosts: extraHostsSchema.optional().describe('Further lines of /etc/hosts.'),
    dns: dnsSchema.optional(),
    capabilities: capabilitiesSchema.optional().describe('Of a container that begins as root; another user has none.'),
    delegateCgroup: delegateCgroupSchema.optional(),
    startTimeoutSeconds: z
      .int()
      .min(limits.startTimeoutSeconds.min)
      .max(limits.startTimeoutSeconds.max)
      .optional()
      .describe(
        'Seconds from its start in which it must become what others wait for (`dependsOn`), else the task stops. Left out: no limit.',
      ),
    dependsOn: dependsOnSchema.optional(),
    healthCheck: healthCheckSchema.optional(),
    restartPolicy: restartPolicySchema.optional(),
    mountPoints: mountPointsSchema.optional().describe('Where the task’s volumes are in the container.'),
    ...secretFields,
    stopSignal: signalSchema.optional().describe('Default: the image’s STOPSIGNAL, else SIGTERM.'),
    stopTimeoutSeconds: z
      .int()
      .min(limits.stopTimeoutSeconds.min)
      .max(limits.stopTimeoutSeconds.max)
      .default(limits.stopTimeoutSeconds.default)
      .describe('Seconds between the stop signal and SIGKILL.'),
  })
  .meta({ id: 'ContainerDefinition' });

export const taskDefinitionInputSchema = z
  .strictObject({
    family: family.describe('Revisions are counted within a family.'),
    cpuMillis: cpuMillisSchema.default(250).describe('CPU of the whole task, in thousandths of a CPU.'),
    memoryMiB: memoryMiBSchema
      .default(128)
      .describe('Memory of the whole task, in MiB. Going over it kills the task’s process (OutOfMemory).'),
    pidsLimit: z
      .int()
      .min(limits.pids.min)
      .max(limits.pids.max)
      .default(limits.pids.default)
      .describe('Processes and threads of the whole task.'),
    ephemeralStorageMiB: ephemeralStorageMiBSchema.default(limits.ephemeralStorageMiB.default),
    isolation: isolationSchema.default('container'),
    maxRunTimeSeconds: maxRunTimeSecondsSchema.optional(),
    cpuBurst: z
      .boolean()
      .optional()
      .describe('Use what CPU the host has to spare: cpuMillis is then a share and not a limit. Default: no.'),
    blockIoWeight: z
      .int()
      .min(limits.blockIoWeight.min)
      .max(limits.blockIoWeight.max)
      .optional()
      .describe('Share of the disk beside other tasks; 100 is usual. No effect where the host’s attribute `blockIoWeight` is none.'),
    networkMbps: networkMbpsSchema.optional().describe('Most that the task may send, and receive, in Mbit/s each. Default: no limit.'),
    publishedPorts: publishedPortsSchema.optional().describe('Ports of the task to be reached by the address of its host.'),
    securityGroups: securityGroupNamesSchema.optional().describe('By name. Default: the tenant’s group “default”.'),
    gpus: gpusSchema.optional().describe('Default: none.'),
    placement: placementSchema.optional().describe('Where it may run, and where it would rather run.'),
    capacityTier: capacityTierSchema.optional(),
    volumes: taskVolumesSchema.optional().describe('Directories that containers share or that outlive the task.'),
    containers: z
      .array(containerDefinitionSchema)
      .min(limits.containersPerTask.min)
      .max(limits.containersPerTask.max)
      .describe('They share the network: localhost reaches all of them.'),
    userData: userDataSchema.optional(),
    onHostDrain: onHostDrainSchema.optional(),
    disruptionBudget: disruptionBudgetSchema.optional().describe('For all tasks of this revision together.'),
    tags: tagsSchema.default({}),
  })
  .superRefine((definition, context) => {
    const seen = new Set<string>();
    definition.containers.forEach((container, index) => {
      const at = (field: string) => ['containers', index, field];
      const issue = (field: string, message: string) => context.addIssue({ code: 'custom', path: at(field), message });
      if (seen.has(container.name)) issue('name', `"${container.name}" is used twice; container names must differ`);
      seen.add(container.name);
      if ((container.cpuMillis ?? 0) > definition.cpuMillis) issue('cpuMillis', `is more than the task’s ${definition.cpuMillis}`);
      if ((container.memoryMiB ?? 0) > definition.memoryMiB) issue('memoryMiB', `is more than the task’s ${definition.memoryMiB}`);
    });
    for (const { path, message } of storageFaults(definition)) context.addIssue({ code: 'custom', path, message });
    for (const { path, message } of volumeFaults(definition)) context.addIssue({ code: 'custom', path, message });
    for (const { path, message } of isolationFaults(definition)) context.addIssue({ code: 'custom', path, message });
    for (const { path, message } of sysctlConflicts(definition.containers)) context.addIssue({ code: 'custom', path, message });
    for (const { path, message } of dependencyFaults(definition.containers)) context.addIssue({ code: 'custom', path, message });
    if (!definition.containers.some((container) => container.essential)) {
      context.addIssue({ code: 'custom', path: ['containers'], message: 'at least one container must be essential' });
    }
  })
  .meta({ id: 'TaskDefinitionInput' });

export type TaskDefinitionInput = z.input<typeof taskDefinitionInputSchema>;
/** A definition with every default filled in. */
export type TaskDefinitionSpec = z.output<typeof taskDefinitionInputSchema>;
export type ContainerDefinition = z.output<typeof containerDefinitionSchema>;

export const taskDefinitionSchema = z
  .object({
    id: z.string(),
    family: z.string(),
    revision: z.int(),
    name: z.string().describe('family:revision'),
    cpuMillis: z.int(),
    memoryMiB: z.int(),
    pidsLimit: z.int(),
    ephemeralStorageMiB: z.int(),
    isolation: isolationSchema,
    maxRunTimeSeconds: z.int().optional(),
    cpuBurst: z.boolean().optional(),
    blockIoWeight: z.int().optional(),
    networkMbps: z.int().optional(),
    publishedPorts: publishedPortsSchema.optional(),
    securityGroups: z.array(z.string()).optional(),
    gpus: gpusSchema.optional(),
    placement: placementSchema.optional(),
    capacityTier: capacityTierSchema.optional(),
    volumes: taskVolumesSchema.optional(),
    containers: z.array(
      containerDefinitionSchema
        .extend({ imageDigest: z.string().describe('What the image’s tag meant at registration; this is what runs.') })
        .meta({ id: 'RegisteredContainer' }),
    ),
    userData: z.string().optional(),
    onHostDrain: onHostDrainSchema.optional(),
    disruptionBudget: disruptionBudgetSchema.optional(),
    tags: z.record(z.string(), z.string()),
    createdAt: z.iso.datetime(),
    deregisteredAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'TaskDefinition' });
export type TaskDefinition = z.output<typeof taskDefinitionSchema>;

export const taskDefinitionListQuerySchema = pageQuerySchema.extend({
  family: family.optional().describe('Only this family; its newest revision comes first.'),
});
export type TaskDefinitionListQuery = z.output<typeof taskDefinitionListQuerySchema>;
