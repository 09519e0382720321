// One task's intervals as sums, cut where prices change.
import type { TenantContract } from './tenant-contract.js';
import type { Segment, UsageSum } from './usage-sum.js';
import { type SummedUse, toUsageSums } from './usage-sums.js';

export interface TaskInterval {
  /** Milliseconds since the epoch; the end is not part of it. */
  readonly startMs: number;
  readonly endMs: number;
  readonly cpuMillis: number;
  readonly memoryMiB: number;
  readonly frozen: boolean;
  readonly pull: boolean;
  readonly egressBytes: number;
}

/** What a task holds all the time it runs, and whose it is. */
export type TaskHolding = Pick<SummedUse, 'tenantId' | 'group' | 'isolation' | 'capacityTier' | 'diskMiB' | 'gpus' | 'addresses'>;

/** Tasks that are alike. */
export interface Planned {
  readonly holding: Omit<TaskHolding, 'tenantId'>;
  readonly cpuMillis: number;
  readonly memoryMiB: number;
  readonly count: number;
  readonly durationMs: number;
  readonly egressBytes: bigint;
}

/** @param segments abutting, and around all intervals */
export function sumsOfTask(
  holding: TaskHolding,
  intervals: readonly TaskInterval[],
  segments: readonly Segment[],
  books: TenantContract['books'],
): UsageSum[] {
  return segments.flatMap((segment) =>
    intervals.flatMap((interval) => {
      const use = within(holding, interval, segment);
      return use ? toUsageSums(use, books) : [];
    }),
  );
}

/** What is missing to the shortest time that is billed, at the task's last size. */
export function missingOfTask(
  holding: TaskHolding,
  intervals: readonly TaskInterval[],
  minimumMs: number,
  segment: Segment,
): SummedUse | null {
  const ran = intervals.filter(({ pull }) => !pull);
  const last = ran.at(-1);
  const lack = minimumMs - ran.reduce((sum, { startMs, endMs }) => sum + endMs - startMs, 0);
  if (!last || lack <= 0) return null;
  return useOf(holding, { ...last, frozen: false, egressBytes: 0 }, segment, lack, 'minimum');
}

/** What the task would use in an hour. */
export function hourOfTask(
  holding: TaskHolding,
  size: Pick<TaskInterval, 'cpuMillis' | 'memoryMiB' | 'frozen'>,
  segment: Segment,
): SummedUse {
  return useOf(holding, { ...size, startMs: 0, endMs: 0, pull: false, egressBytes: 0 }, segment, 3_600_000, 'used');
}

function within(holding: TaskHolding, interval: TaskInterval, segment: Segment): SummedUse | null {
  const ms = Math.min(interval.endMs, segment.untilMs) - Math.max(interval.startMs, segment.fromMs);
  // Bytes belong where the interval's last millisecond is; one without length is where it begins.
  const lastMs = Math.max(interval.startMs, interval.endMs - 1);
  const endsHere = lastMs >= segment.fromMs && lastMs < segment.untilMs;
  if (ms <= 0 && !endsHere) return null;
  const bytes = endsHere ? interval.egressBytes : 0;
  return useOf(holding, { ...interval, egressBytes: bytes }, segment, Math.max(0, ms), interval.pull ? 'pull' : 'used');
}

function useOf(holding: TaskHolding, interval: TaskInterval, segment: Segment, ms: number, purpose: SummedUse['purpose']): SummedUse {
  const taskMs = BigInt(ms);
  return {
    ...holding,
    purpose,
    fault: null,
    segment,
    taskMs,
    cpu: interval.frozen ? 0n : taskMs * BigInt(interval.cpuMillis),
    memory: taskMs * BigInt(interval.memoryMiB),
    egress: BigInt(interval.egressBytes),
  };
}
