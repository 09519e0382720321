// What a task uses, as its host measures it: counters that grow from its start, and rates between two looks.
import { z } from 'zod';

/** Grows; may pass 2^53 (nanoseconds of many CPUs for weeks), where a number is still exact enough for a rate. */
const counter = z.number().min(0);
const bytes = z.number().min(0);

const pressureSchema = z
  .object({
    some10: z.number().describe('Percent of the last 10 s in which at least one process waited for it.'),
    some60: z.number(),
    full10: z.number().describe('Percent of the last 10 s in which all of them waited.'),
    full60: z.number(),
  })
  .meta({ id: 'Pressure' });

export const groupStatsSchema = z
  .object({
    cpu: z.object({
      usedNs: counter.describe('CPU time used since the start, in nanoseconds.'),
      percent: z.number().nullable().describe('Since the look before; 100 is one whole CPU. Null at the first look.'),
      periods: counter.describe('Periods of 100 ms in which it was subject to its CPU limit.'),
      throttledPeriods: counter.describe('Those of them in which it was held back.'),
      throttledNs: counter.describe('How long it was held back in all, in nanoseconds.'),
    }),
    memory: z.object({
      workingSetBytes: bytes.describe('What can’t be reclaimed easily: usage less inactive file pages. The limit is compared with this.'),
      usageBytes: bytes,
      cacheBytes: bytes.describe('File pages, reclaimed when there is need.'),
      limitBytes: bytes.nullable(),
      oomKills: counter.describe('Processes that were killed at the memory limit.'),
    }),
    io: z.object({ readBytes: counter, writeBytes: counter, readOps: counter, writeOps: counter }),
    pids: z.object({ current: z.int().min(0), limit: z.int().min(0).nullable() }),
    pressure: z
      .object({ cpu: pressureSchema.nullable(), memory: pressureSchema.nullable(), io: pressureSchema.nullable() })
      .nullable()
      .describe('Null where the host’s kernel does not measure it: it needs cgroup v2.'),
  })
  .meta({ id: 'GroupStats' });
export type GroupStats = z.output<typeof groupStatsSchema>;

export const networkStatsSchema = z
  .object({
    rxBytes: counter.describe('Received by the task.'),
    rxPackets: counter,
    rxDropped: counter,
    txBytes: counter.describe('Sent by the task.'),
    txPackets: counter,
    txDropped: counter,
  })
  .meta({ id: 'NetworkStats' });
export type NetworkStats = z.output<typeof networkStatsSchema>;

export const taskStatsSchema = z
  .object({
    taskId: z.string(),
    at: z.iso.datetime(),
    task: groupStatsSchema.describe('All of its containers together.'),
    containers: z.array(z.object({ name: z.string(), stats: groupStatsSchema }).meta({ id: 'ContainerStats' })),
    network: networkStatsSchema.nullable().describe('Of the whole task: its containers share one network.'),
  })
  .meta({ id: 'TaskStats' });
export type TaskStats = z.output<typeof taskStatsSchema>;

export const statsSampleSchema = z
  .object({
    at: z.iso.datetime(),
    cpuPercent: z.number().describe('100 is one whole CPU.'),
    throttledPercent: z.number().describe('Of the periods in which it was subject to its limit.'),
    workingSetBytes: bytes,
    cacheBytes: bytes,
    rxBytesPerSecond: z.number(),
    txBytesPerSecond: z.number(),
    readBytesPerSecond: z.number(),
    writeBytesPerSecond: z.number(),
    pids: z.number(),
  })
  .meta({ id: 'StatsSample' });
export type StatsSample = z.output<typeof statsSampleSchema>;

export const statsHistory = { everyMs: 10_000, samples: 360 } as const;

export const statsHistorySchema = z
  .object({
    everySeconds: z.number(),
    items: z
      .array(statsSampleSchema)
      .describe('Oldest first, an hour at most. Kept by the host’s agent in memory: it begins anew with the agent.'),
  })
  .meta({ id: 'StatsHistory' });
export type StatsHistory = z.output<typeof statsHistorySchema>;

export const statsQuerySchema = z.strictObject({
  stream: z
    .enum(['true', 'false'])
    .default('false')
    .transform((text) => text === 'true')
    .describe('Server-sent events: one sample a second until the task ends. Without it, one sample.'),
});
export type StatsQuery = z.output<typeof statsQuerySchema>;
