// The protocol between a host's agent and the control plane's gateway: JSON text frames over one WebSocket that the
// agent opens, with mTLS. Both sides hold a durable record and are level-triggered: full state on connect, deltas
// after. docs/agent-protocol.md tells the story; this file is the grammar.
//
// Numbering: every `events` and every `desired` frame carries `seq`, counted from 1 on each connection and
// acknowledged by the receiver (`ack`) once it is durable there (journal or PostgreSQL). What is not acknowledged
// when a connection ends is covered by the full state of the next one.
import { z } from 'zod';
import { adjustedSchema, taskWishSchema } from './adjust.js';
import { containerLifeSchema } from './container-life.js';
import { containerExtrasSchema } from './container-spec.js';
import { healthStates } from './health.js';
import { hostIdSchema, taskIdSchema } from './ids.js';
import { isolationSchema } from './isolation.js';
import { assignedPortSchema, hostNetworkSchema, networkFrameSchema, taskNetworkSchema } from './network.js';
import { containerStorageSchema, secretValuesSchema, volumeSpecSchema } from './storage-spec.js';
import { stopCodeSchema } from './task.js';
import { containerStates, desiredStates, taskStates } from './task-state.js';

export const protocolVersion = 1;
export const agentPaths = {
  enrol: '/agent/enrol',
  /** GET, without a certificate: what a new machine needs to become a host. */
  software: '/agent/software.tgz',
  renew: '/agent/renew',
  link: '/agent/link',
  streams: '/agent/streams/',
  logs: '/agent/logs/',
} as const;
export const maxFrameBytes = 8 * 1024 * 1024;

const instant = z.iso.datetime();
const count = z.int().min(0);

/** What a host can give to tasks, after the part kept for the system. */
export const capacitySchema = z.object({
  cpuMillis: count,
  memoryMiB: count,
  taskSlots: count,
  /** Of tasks' disks and of volumes together. Left out by agents that don't count it. */
  diskMiB: count.optional(),
});
export type Capacity = z.output<typeof capacitySchema>;

/** Everything a host must know to run one task. Sizes and images are final: overrides are merged, tags resolved. */
export const taskSpecSchema = z.object({
  taskId: taskIdSchema,
  tenantId: z.string(),
  name: z.string().nullable(),
  /** Of the task definition; null from a control plane that does not tell yet. */
  family: z.string().nullable().default(null),
  revision: z.int().nullable().default(null),
  userData: z.string().nullable().default(null),
  cpuMillis: count,
  memoryMiB: count,
  pidsLimit: count,
  /** Left out by control planes and in journals of before tasks had a disk of their own: the default. */
  ephemeralStorageMiB: count.optional(),
  isolation: isolationSchema.default('container'),
  /** Whole devices. Left out: none. */
  gpus: count.optional(),
  /** Counted from the first process. */
  maxRunTimeSeconds: count.nullable().default(null),
  /** CPU as a share, without a limit. */
  cpuBurst: z.boolean().default(false),
  /** 10–1000; null: as everybody's. */
  blockIoWeight: count.nullable().default(null),
  network: taskNetworkSchema.nullable().default(null),
  /** Left out: none. An agent that doesn't know them does not say in its attributes that it has them, and gets none. */
  volumes: z.array(volumeSpecSchema).optional(),
  containers: z
    .array(
      containerExtrasSchema
        .extend(containerLifeSchema.shape)
        .extend(containerStorageSchema.shape)
        .extend({
          name: z.string(),
          /** `registry/repository@sha256:…` */
          image: z.string(),
          entryPoint: z.array(z.string()).nullable(),
          command: z.array(z.string()).nullable(),
          environment: z.record(z.string(), z.string()),
          workingDirectory: z.string().nullable(),
          user: z.string().nullable(),
          essential: z.boolean(),
          cpuMillis: count.nullable(),
          memoryMiB: count.nullable(),
          readonlyRootFilesystem: z.boolean(),
          init: z.boolean(),
          stopSignal: z.string().nullable(),
          stopTimeoutSeconds: count,
        }),
    )
    .min(1)
    .max(10),
});
export type TaskSpec = z.output<typeof taskSpecSchema>;
export type ContainerSpec = TaskSpec['containers'][number];

/** What the control plane wants of one task on this host. */
export const desiredTaskSchema = z.discriminatedUnion('desired', [
  z.object({
    taskId: taskIdSchema,
    desired: z.literal(desiredStates[0]),
    spec: taskSpecSchema,
    wish: taskWishSchema.optional(),
    secrets: secretValuesSchema.optional(),
  }),
  z.object({ taskId: taskIdSchema, desired: z.literal(desiredStates[1]), stopCode: stopCodeSchema, reason: z.string() }),
]);
export type DesiredTask = z.output<typeof desiredTaskSchema>;

export const containerReportSchema = z.object({
  name: z.string(),
  state: z.enum(containerStates),
  exitCode: z.int().nullable(),
  signal: z.string().nullable(),
  reason: z.string().nullable(),
  startedAt: instant.nullable(),
  finishedAt: instant.nullable(),
  /** How often it was started again. The fields above are those of the newest attempt. */
  restartCount: count.default(0),
  /** How the attempt before the newest ended. */
  lastExit: z
    .object({ exitCode: z.int().nullable(), signal: z.string().nullable(), reason: z.string().nullable(), finishedAt: instant })
    .nullable()
    .default(null),
  /** Not before this is a container started that waits for its next attempt. */
  nextStartAt: instant.nullable().default(null),
  health: z.enum(healthStates).default('unknown'),
  /** What the check said that made it unhealthy. */
  healthReason: z.string().nullable().default(null),
});
export type ContainerReport = z.output<typeof containerReportSchema>;

/** The whole status of one task at the agent. `version` grows with every change; a lower or equal one is old news. */
export const taskReportSchema = z.object({
  taskId: taskIdSchema,
  version: z.int().min(1),
  state: z.enum(taskStates),
  /** When each state was reached, for those that were. */
  reachedAt: z.object({
    starting: instant.optional(),
    running: instant.optional(),
    stopping: instant.optional(),
    stopped: instant.optional(),
  }),
  address: z.string().nullable(),
  /** What it publishes, as far as it is known. */
  ports: z.array(assignedPortSchema).default([]),
  stopCode: stopCodeSchema.nullable(),
  stopReason: z.string().nullable(),
  containers: z.array(containerReportSchema),
  startTimings: z.record(z.string(), z.number()).nullable(),
  health: z.enum(healthStates).default('unknown'),
  /** Set from inside the task; `expiresAt` null: taken off. Null: never set. */
  protection: z.object({ setAt: instant, expiresAt: instant.nullable() }).nullable().default(null),
  /** Left out while nothing was wished. */
  adjusted: adjustedSchema.optional(),
});
export type TaskReport = z.output<typeof taskReportSchema>;

/**
 * One interval in which a task held its resources, by the agent's monotonic clock: endedAt − startedAt is true
 * elapsed time even if the wall clock stepped. (taskId, sequence) is unique for ever; intervals of a task abut.
 */
export const usageRecordSchema = z.object({
  taskId: taskIdSchema,
  sequence: z.int().min(0),
  startedAt: instant,
  endedAt: instant,
  cpuMillis: count,
  memoryMiB: count,
  /** It held its memory but no CPU: it was frozen all of the time. Left out: it was not. */
  frozen: z.boolean().optional(),
  /** What it sent to the outside (docs/billing.md), of which no record before has told. Left out: none, or not counted. */
  egressBytes: count.optional(),
  /** Images were pulled in it, and nothing ran yet. */
  pull: z.boolean().optional(),
});
export type UsageRecord = z.output<typeof usageRecordSchema>;

/** Why the host should get no more tasks for want of disk space, in words; null when all is well. */
const diskPressureSchema = z.string().max(300).nullable().default(null);

/** The machine's owner takes it back: when, and what it does then (`terminate`, `stop`, `hibernate`). */
export const interruptionSchema = z.object({ at: instant, action: z.string().max(32) });
export type Interruption = z.output<typeof interruptionSchema>;

const helloSchema = z.object({
  type: z.literal('hello'),
  protocol: z.int(),
  hostId: hostIdSchema,
  name: z.string().max(255),
  /** The kernel's boot id: a change means that every process of before is gone. */
  bootId: z.string(),
  agentVersion: z.string(),
  capacity: capacitySchema,
  attributes: z.record(z.string(), z.string()),
  diskPressure: diskPressureSchema,
  /** Every task the agent knows, ended ones included until their end was acknowledged. */
  tasks: z.array(taskReportSchema),
  /** Left out by an agent whose tasks have no network of their own. */
  network: hostNetworkSchema.optional(),
});

/** Requests are answered once, in any order, by a `reply` with the same id; a stream is then opened by the agent. */
const openStreamSchema = z.object({
  type: z.literal('open-stream'),
  /** The agent dials `agentPaths.streams + streamId` on this gateway; absent: on the one it is linked to. */
  gatewayUrl: z
    .string()
    .regex(/^wss:\/\/[^/]+$/)
    .optional(),
  streamId: z.string().min(16).max(64),
  request: z.discriminatedUnion('kind', [
    z.object({
      kind: z.literal('logs'),
      taskId: taskIdSchema,
      container: z.string().nullable(),
      /** At most so many of the newest lines come before those that are followed. */
      tail: count,
      /** Every line that is kept, and `tail` does not count. An agent that does not know this yet goes by `tail`. */
      fromStart: z.boolean().optional(),
      since: instant.nullable(),
      follow: z.boolean(),
      /** The fields below are not known to older agents, which answer as if they were left out. */
      from: z.record(z.string(), z.int().min(0)).nullable().default(null),
      until: instant.nullable().default(null),
      grep: z.string().nullable().default(null),
      stream: z.enum(['stdout', 'stderr']).nullable().default(null),
    }),
    /** `live`: a sample a second until the task is gone; `once`: one; `history`: the last hour, in one frame. */
    z.object({ kind: z.literal('stats'), taskId: taskIdSchema, mode: z.enum(['live', 'once', 'history']) }),
    /** Answered by one frame. `container` null: to each that runs. */
    z.object({ kind: z.literal('signal'), taskId: taskIdSchema, signal: z.string(), container: z.string().nullable() }),
    /** Two ways, by channels.ts; what it is comes as the stream's first message. Outlives the link it was asked for on. */
    z.object({ kind: z.literal('inside'), taskId: taskIdSchema }),
  ]),
});
export type OpenStream = z.output<typeof openStreamSchema>;

export const agentFrameSchema = z.discriminatedUnion('type', [
  helloSchema,
  z.object({ type: z.literal('events'), seq: z.int().min(1), reports: z.array(taskReportSchema), usage: z.array(usageRecordSchema) }),
  z.object({ type: z.literal('heartbeat'), at: instant, diskPressure: diskPressureSchema, interruption: interruptionSchema.optional() }),
  z.object({ type: z.literal('ack'), seq: z.int().min(1) }),
  z.object({ type: z.literal('stream-failed'), streamId: z.string(), reason: z.string() }),
  /** Nothing of these is left on the host. Answers `remove-volumes`, and comes late when one was still in use. */
  z.object({ type: z.literal('volumes-removed'), volumeIds: z.array(z.uuid()) }),
]);
export type AgentFrame = z.output<typeof agentFrameSchema>;
export type Hello = z.output<typeof helloSchema>;

export const gatewayFrameSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('welcome'), heartbeatMs: z.int().min(100), usageIntervalMs: z.int().min(1000) }),
  z.object({
    type: z.literal('desired'),
    seq: z.int().min(1),
    /** Epoch of the leader whose decisions these are. The agent refuses an epoch lower than one it has seen. */
    epoch: z.int().min(0),
    /** Full: every task that this host is to have, right after `welcome`. Tasks the list does not name are kept and
     *  reported, never killed: the database may have been restored from a backup. */
    full: z.boolean(),
    tasks: z.array(desiredTaskSchema),
  }),
  z.object({ type: z.literal('ack'), seq: z.int().min(1) }),
  openStreamSchema,
  networkFrameSchema,
  /** Persistent volumes that were deleted; what is in them is lost. Said again until it is answered. */
  z.object({ type: z.literal('remove-volumes'), volumeIds: z.array(z.uuid()) }),
  z.object({ type: z.literal('goodbye'), reason: z.string(), reconnectAfterMs: count }),
]);
export type GatewayFrame = z.output<typeof gatewayFrameSchema>;

/** Frames on a log stream's own socket, agent to gateway; the agent closes it normally at the end. */
export const logStreamFrameSchema = z.object({
  from: z.record(z.string(), z.int().min(0)).optional(),
  lines: z.array(
    z.object({
      at: z.string(),
      container: z.string(),
      stream: z.enum(['stdout', 'stderr']),
      text: z.string(),
      partial: z.boolean(),
      end: z.int().min(0).optional(),
    }),
  ),
});
export type LogStreamFrame = z.output<typeof logStreamFrameSchema>;

/** Enrolment over TLS, before there is a client certificate. Renewal is the same without a token, over mTLS. */
export const enrolRequestSchema = z.strictObject({
  token: z.string().max(200),
  name: z.string().min(1).max(255),
  csr: z.string().max(8192),
});
export const renewRequestSchema = z.strictObject({ csr: z.string().max(8192) });
export const certificateResponseSchema = z.object({
  hostId: hostIdSchema,
  certificate: z.string(),
  authority: z.string(),
  notAfter: instant,
});
export type CertificateResponse = z.output<typeof certificateResponseSchema>;

/**
 * A bootstrap token is `berth-host.<secret>.<sha256 of the authority's certificate (DER), hex>`: whoever was given
 * it knows which gateway to trust.
 */
export function parseHostToken(token: string): { secret: string; authorityFingerprint: string } | null {
  const match = /^berth-host\.([A-Za-z0-9_-]{43})\.([0-9a-f]{64})$/.exec(token);
  return match?.[1] && match[2] ? { secret: match[1], authorityFingerprint: match[2] } : null;
}
