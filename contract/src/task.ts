// Tasks as the API takes and shows them.
import { z } from 'zod';
import { pendingAdjustmentSchema } from './adjust.js';
import { disruptionBudgetSchema, onHostDrainModes, onHostDrainSchema } from './drain.js';
import { healthStates } from './health.js';
import { assignedPortSchema } from './network.js';
import { capacityTierSchema, capacityTiers, gangSchema, groupNameSchema, placementSchema } from './placement.js';
import { limits } from './sizes.js';
import { stopCodeNames } from './stop-code.js';
import {
  argvSchema,
  containerNameSchema,
  cpuMillisSchema,
  environmentSchema,
  maxRunTimeSecondsSchema,
  memoryMiBSchema,
  securityGroupNamesSchema,
  tagsSchema,
  taskDefinitionInputSchema,
  userDataSchema,
} from './task-definition.js';
import { containerStates, desiredStates, taskStates } from './task-state.js';

export const stopCodeSchema = z.enum(stopCodeNames);

export const taskOverridesSchema = z
  .strictObject({
    cpuMillis: cpuMillisSchema.optional(),
    memoryMiB: memoryMiBSchema.optional(),
    securityGroups: securityGroupNamesSchema.optional().describe('In place of the definition’s.'),
    userData: userDataSchema.optional().describe('In place of the definition’s.'),
    maxRunTimeSeconds: maxRunTimeSecondsSchema.optional(),
    containers: z
      .array(
        z
          .strictObject({
            name: containerNameSchema,
            command: argvSchema.optional(),
            environment: environmentSchema.optional().describe('Merged over the definition’s.'),
          })
          .meta({ id: 'ContainerOverride' }),
      )
      .max(limits.containersPerTask.max)
      .default([]),
  })
  .meta({ id: 'TaskOverrides' });
export type TaskOverrides = z.output<typeof taskOverridesSchema>;

/** Of a request to run tasks, or to say where they would run. */
export const runTasksFields = {
  taskDefinition: z
    .string()
    .regex(/^[a-zA-Z0-9][a-zA-Z0-9_-]{0,127}(:[1-9]\d{0,8})?$/, 'must be family or family:revision')
    .optional()
    .describe('`family:revision`, or `family` for its newest revision.'),
  definition: taskDefinitionInputSchema
    .optional()
    .describe('In place of taskDefinition: registered first, or found again if the family has the same already.'),
  count: z.int().min(limits.tasksPerRequest.min).max(limits.tasksPerRequest.max).default(1),
  name: containerNameSchema.optional().describe('Shown in lists. Need not be unique.'),
  overrides: taskOverridesSchema.optional(),
  onHostDrain: onHostDrainSchema.optional().describe('In place of the definition’s; if that has none either, `wait`.'),
  disruptionBudget: disruptionBudgetSchema.optional().describe('For the tasks of this request together, in place of the definition’s.'),
  placement: placementSchema.optional().describe('Each field given here in place of the definition’s.'),
  capacityTier: capacityTierSchema.optional(),
  group: groupNameSchema.optional(),
  gang: gangSchema.optional().describe('The tasks are placed together or not at all.'),
  tags: tagsSchema.default({}),
};

export const runTasksSchema = z
  .strictObject(runTasksFields)
  .refine((body) => (body.taskDefinition === undefined) !== (body.definition === undefined), {
    path: ['taskDefinition'],
    message: 'give either taskDefinition or definition',
  })
  .refine(({ gang, count }) => (gang?.min ?? 1) <= count, { path: ['gang', 'min'], message: 'is more than count' })
  .meta({ id: 'RunTasks' });
export type RunTasks = z.output<typeof runTasksSchema>;
export type RunTasksInput = z.input<typeof runTasksSchema>;

export const containerStatusSchema = z
  .object({
    name: z.string(),
    image: z.string(),
    imageDigest: z.string(),
    state: z.enum(containerStates),
    exitCode: z.int().nullable(),
    signal: z.string().nullable().describe('Name of the signal that ended it, e.g. SIGKILL.'),
    reason: z.string().nullable().describe('OutOfMemory, or what went wrong in words.'),
    startedAt: z.iso.datetime().nullable(),
    finishedAt: z.iso.datetime().nullable(),
    restartCount: z.int().describe('How often it was started again by its restart policy. What is above is of the newest attempt.'),
    lastExit: z
      .object({
        exitCode: z.int().nullable(),
        signal: z.string().nullable(),
        reason: z.string().nullable(),
        finishedAt: z.iso.datetime(),
      })
      .meta({ id: 'LastExit' })
      .nullable()
      .describe('How the attempt before the newest ended.'),
    nextStartAt: z.iso.datetime().nullable().describe('When the next attempt begins, while it waits for that.'),
    health: z.enum(healthStates).describe('By its health check; without one, unknown.'),
    healthReason: z.string().nullable().describe('What the check said that made it unhealthy.'),
  })
  .meta({ id: 'ContainerStatus' });

/** Why a pending task has not been placed: how many hosts each filter turned away, and the nearest miss in words. */
export const pendingReasonSchema = z
  .object({
    summary: z.string(),
    filters: z.array(z.object({ filter: z.string(), hosts: z.int(), detail: z.string() })),
  })
  .meta({ id: 'PendingReason' });
export type PendingReason = z.output<typeof pendingReasonSchema>;

export const taskProtectionSchema = z
  .object({
    enabled: z.boolean().describe('Whether the task is kept when its service shrinks.'),
    expiresAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'TaskProtection' });

export const protectTaskSchema = z
  .strictObject({
    enabled: z.boolean().default(true),
    expiresInMinutes: z
      .int()
      .min(limits.protectionMinutes.min)
      .max(limits.protectionMinutes.max)
      .default(limits.protectionMinutes.default)
      .describe('When it is enabled: how long it lasts.'),
  })
  .meta({ id: 'ProtectTask' });
export type ProtectTask = z.output<typeof protectTaskSchema>;

export const taskSchema = z
  .object({
    id: z.string(),
    name: z.string().nullable(),
    taskDefinition: z.string().describe('family:revision'),
    state: z.enum(taskStates),
    desiredState: z.enum(desiredStates),
    cpuMillis: z.int().describe('What it has now.'),
    memoryMiB: z.int(),
    frozen: z.boolean().describe('Its processes are held; it keeps its memory.'),
    adjustment: pendingAdjustmentSchema
      .nullable()
      .describe('A size that was asked for, or a freeze or thaw, that does not hold yet or was refused.'),
    host: z.object({ id: z.string(), name: z.string() }).nullable(),
    address: z.string().nullable().describe('The task’s own IPv4 address on its host.'),
    mac: z.string().nullable().describe('The hardware address that goes with it.'),
    securityGroups: z.array(z.object({ id: z.string(), name: z.string() })),
    ports: z.array(assignedPortSchema).describe('Published ports, once its host has assigned them.'),
    placement: z.string().nullable().describe('Why this host.'),
    onHostDrain: z.enum(onHostDrainModes),
    replaces: z.string().nullable().describe('The task whose place it takes.'),
    replacedBy: z
      .string()
      .nullable()
      .describe('The task that takes its place: a copy, or the one of a higher tier for whose sake it had to leave.'),
    pending: pendingReasonSchema.nullable(),
    capacityTier: z.enum(capacityTiers),
    group: z.string().nullable().describe('Tasks that are counted together; null: those of its definition’s family.'),
    submittedBy: z
      .string()
      .nullable()
      .describe(
        'Id of the user or API key (before it was rotated) that asked for it, or for the task whose place it takes. Null: from before this was kept.',
      ),
    gangId: z.string().nullable().describe('The same for tasks that are placed together.'),
    stopCode: stopCodeSchema.nullable(),
    stopReason: z.string().nullable(),
    health: z.enum(healthStates).describe('Of its essential containers that have a health check: healthy if all are, unhealthy if one is.'),
    protection: taskProtectionSchema,
    containers: z.array(containerStatusSchema),
    tags: z.record(z.string(), z.string()),
    createdAt: z.iso.datetime(),
    placedAt: z.iso.datetime().nullable(),
    startedAt: z.iso.datetime().nullable().describe('When its first container’s process ran.'),
    stoppedAt: z.iso.datetime().nullable(),
    startTimings: z.record(z.string(), z.number()).nullable().describe('Milliseconds spent in each part of the start on the host.'),
  })
  .meta({ id: 'Task' });
export type Task = z.output<typeof taskSchema>;

export const tasksSchema = z.object({ items: z.array(taskSchema) }).meta({ id: 'Tasks' });

export const taskListQuerySchema = z.strictObject({
  state: z
    .string()
    .regex(
      new RegExp(`^(${taskStates.join('|')})(,(${taskStates.join('|')}))*$`),
      `must be one or more of ${taskStates.join(', ')}, separated by commas`,
    )
    .optional(),
  family: z.string().max(128).optional(),
  name: z.string().max(63).optional(),
  host: z.string().max(64).optional().describe('Host id or name.'),
  tag: z
    .string()
    .regex(/^[^=]{1,128}=.{0,256}$/, 'must be key=value')
    .optional(),
  idPrefix: z
    .string()
    .regex(/^[0-9a-f-]{1,36}$/, 'must be the beginning of a task id')
    .optional(),
  sort: z.enum(['createdAt', '-createdAt']).default('-createdAt'),
  limit: z.coerce.number().int().min(1).max(limits.page.max).default(limits.page.default),
  cursor: z.string().max(200).optional(),
});
export type TaskListQuery = z.output<typeof taskListQuerySchema>;

export const stopTaskSchema = z.strictObject({ reason: z.string().max(256).optional() }).meta({ id: 'StopTask' });

export const taskEventSchema = z
  .object({
    id: z.string(),
    taskId: z.string(),
    at: z.iso.datetime(),
    type: z.string().describe('A task state that was reached, or what was asked for or done, such as `desired-stopped` or `resized`.'),
    reason: z.string(),
  })
  .meta({ id: 'TaskEvent' });
export type TaskEvent = z.output<typeof taskEventSchema>;

export const logQuerySchema = z.strictObject({
  container: containerNameSchema.optional(),
  tail: z.coerce
    .number()
    .int()
    .min(0)
    .max(limits.logLines.max)
    .optional()
    .describe(
      `At most this many of the newest lines. Left out: ${limits.logLines.default}, and with \`follow\` every line that is kept. ` +
        'A log is capped: where lines were dropped that would have followed, a line on stderr that begins with `[berth:` says so.',
    ),
  since: z.iso.datetime().optional(),
  until: z.iso.datetime().optional().describe('Only lines up to this time; with `follow`, the end comes then.'),
  stream: z.enum(['stdout', 'stderr']).optional(),
  grep: z
    .string()
    .min(1)
    .max(1000)
    .optional()
    .describe('Only lines with this text in them, as it is written. Long lines come in pieces of 8 KiB, each by itself.'),
  cursor: z
    .string()
    .max(1000)
    .optional()
    .describe(
      'Go on after a line: `cursor` of an answer before, or the id of an event. The lines after it come, at most `tail` of them, oldest first.',
    ),
  follow: z
    .enum(['true', 'false'])
    .default('false')
    .transform((text) => text === 'true')
    .describe('Answer with server-sent events until the task ends.'),
});
export type LogQuery = z.output<typeof logQuerySchema>;

export const logLineSchema = z
  .object({
    at: z.iso.datetime({ offset: true, precision: undefined }),
    container: z.string(),
    stream: z.enum(['stdout', 'stderr']),
    text: z.string(),
    partial: z.boolean().describe('The line goes on in the next entry.'),
  })
  .meta({ id: 'LogLine' });
export type LogLine = z.output<typeof logLineSchema>;

export const logLinesSchema = z
  .object({
    items: z.array(logLineSchema),
    truncated: z.boolean().describe('There were more lines than fit into one answer: older ones, or after a `cursor` newer ones.'),
    cursor: z.string().nullable().describe('Where to go on after these lines. Null when there is no log yet.'),
  })
  .meta({ id: 'LogLines' });

const decimal = z
  .string()
  .regex(/^-?\d+(\.\d+)?$/)
  .describe('An exact decimal number.');

export const taskCostSchema = z
  .object({
    taskId: z.string(),
    currency: z.string(),
    total: decimal,
    live: z.boolean().describe('The task still runs: the total grows.'),
    perHour: decimal.describe('What one more hour at this size costs; 0 when it has stopped.'),
    durationMs: z.int().describe('Billed running time.'),
    unbilledMs: z.int().describe('Running time not charged because the platform was at fault.'),
    priceBook: z.string().describe('name:version of the prices used.'),
    lines: z.array(
      z.object({ dimension: z.string(), quantity: decimal, unit: z.string(), price: decimal, amount: decimal }).meta({ id: 'CostLine' }),
    ),
  })
  .meta({ id: 'TaskCost' });
export type TaskCost = z.output<typeof taskCostSchema>;
