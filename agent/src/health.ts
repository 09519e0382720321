// What the answers of a container's health check make of it, and when it is asked next. Pure.
import type { Health, HealthCheck } from '@berth/contract';

/** What is remembered of the checks of one attempt, in this life of the agent. */
export interface CheckMemory {
  readonly checks: number;
  /** Failures in a row that counted. */
  readonly failures: number;
  /** When a failure last counted; at first, when the container started. */
  readonly countedAtMs: number;
}

export interface CheckAnswer {
  readonly ok: boolean;
  readonly atMs: number;
  /** When this attempt was let go. */
  readonly startedAtMs: number;
}

const firstCheckMs = 500;

export function newCheckMemory(startedAtMs: number): CheckMemory {
  return { checks: 0, failures: 0, countedAtMs: startedAtMs };
}

/**
 * Until the first success a container is asked after 0.5, 1, 2, … seconds, at most the interval: others may wait for it.
 * Such early failures don't count for more than one an interval.
 */
export function nextCheckInMs(check: HealthCheck, { checks }: CheckMemory, health: Health): number {
  const intervalMs = check.intervalSeconds * 1000;
  return health === 'unknown' ? Math.min(intervalMs, firstCheckMs * 2 ** Math.min(checks, 20)) : intervalMs;
}

export function judge(
  check: HealthCheck,
  memory: CheckMemory,
  health: Health,
  answer: CheckAnswer,
): { memory: CheckMemory; health: Health } {
  const checks = memory.checks + 1;
  if (answer.ok) return { memory: { checks, failures: 0, countedAtMs: answer.atMs }, health: 'healthy' };
  if (health === 'unknown' && !counts(check, memory, answer)) return { memory: { ...memory, checks }, health };
  const failures = memory.failures + 1;
  return { memory: { checks, failures, countedAtMs: answer.atMs }, health: failures >= check.retries ? 'unhealthy' : health };
}

function counts(check: HealthCheck, { countedAtMs }: CheckMemory, { atMs, startedAtMs }: CheckAnswer): boolean {
  const isGettingGoing = atMs < startedAtMs + check.startPeriodSeconds * 1000;
  return !isGettingGoing && atMs >= countedAtMs + check.intervalSeconds * 1000;
}
