// What one can do inside a running task, as the API takes it: run a program, copy files, reach a port.
import { z } from 'zod';
import { terminalSizeSchema } from './channels.js';
import { argvSchema, containerNameSchema, environmentSchema } from './task-definition.js';

export const execLimits = {
  /** Sessions of one task at one time, copies and forwarded connections apart. */
  sessionsPerTask: 16,
  copiesPerTask: 4,
  connectionsPerTask: 128,
  /** Of one tenant, on one replica of the control plane: all three together. */
  streamsPerTenant: 500,
  /** How long a session may wait for its WebSocket. */
  sessionSeconds: 30,
  /** Of one tenant, asked for and not opened yet. */
  waitingPerTenant: 100,
  pathBytes: 4096,
} as const;

const userSchema = z
  .string()
  .regex(/^[a-z0-9_][a-z0-9_-]{0,31}(:[a-z0-9_][a-z0-9_-]{0,31})?$/i, 'must be user or user:group, by name or number');

const pathSchema = z
  .string()
  .max(execLimits.pathBytes)
  .regex(/^\/[^\0]*$/, 'must be an absolute path');

export const createExecSchema = z
  .strictObject({
    container: containerNameSchema.optional().describe('Default: the task’s first essential container.'),
    command: argvSchema
      .min(1)
      .refine((words) => words[0] !== '', 'must name a program')
      .describe('The program and its arguments. No shell reads it.'),
    tty: z.boolean().default(false).describe('With a terminal of its own; stderr is then part of stdout.'),
    size: terminalSizeSchema.optional().describe('Of the terminal at the start. Default: 80 by 24.'),
    environment: environmentSchema.default({}).describe('On top of the container’s variables.'),
    user: userSchema.optional().describe('Default: the container’s user.'),
    workingDirectory: pathSchema.optional().describe('Default: the container’s.'),
  })
  .meta({ id: 'CreateExec' });
export type CreateExec = z.output<typeof createExecSchema>;

export const execSessionSchema = z
  .object({
    id: z.string(),
    container: z.string(),
    token: z.string().describe('Opens the WebSocket, once, in place of the API key: as the subprotocol `berth.token.TOKEN`.'),
    url: z.string().describe('Path of the WebSocket, below the URL of this API.'),
    expiresAt: z.iso.datetime().describe('The WebSocket must be open by then.'),
  })
  .meta({ id: 'ExecSession' });
export type ExecSessionInfo = z.output<typeof execSessionSchema>;

export const archiveQuerySchema = z.strictObject({
  container: containerNameSchema.optional().describe('Default: the task’s first essential container.'),
  path: pathSchema,
});
export type ArchiveQuery = z.output<typeof archiveQuerySchema>;

export const fileKinds = ['file', 'directory', 'link', 'other'] as const;

export const pathStatusSchema = z
  .object({
    path: z.string(),
    kind: z.enum(fileKinds).describe('Links are followed; `link` is one that leads nowhere.'),
    sizeBytes: z.int(),
    mode: z.int().describe('Permission bits, as a number.'),
  })
  .meta({ id: 'PathStatus' });
export type PathStatus = z.output<typeof pathStatusSchema>;

export const forwardQuerySchema = z.strictObject({
  port: z.coerce.number().int().min(1).max(65_535).describe('A TCP port that something in the task listens on, also on its loopback only.'),
});
export type ForwardQuery = z.output<typeof forwardQuerySchema>;

/** What the control plane tells the agent first on a stream's socket, on the channel `start`. */
export const streamStartSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('exec'),
    container: z.string(),
    command: z.array(z.string()).min(1),
    tty: z.boolean(),
    size: terminalSizeSchema.nullable(),
    environment: z.record(z.string(), z.string()),
    user: z.string().nullable(),
    workingDirectory: z.string().nullable(),
  }),
  z.object({ kind: z.literal('copy-out'), container: z.string(), path: z.string() }),
  z.object({ kind: z.literal('copy-in'), container: z.string(), path: z.string() }),
  z.object({ kind: z.literal('stat'), container: z.string(), path: z.string() }),
  z.object({ kind: z.literal('forward'), port: z.int().min(1).max(65_535) }),
]);
export type StreamStart = z.output<typeof streamStartSchema>;
