// When a container that ended is started again, in its place within the same task. A task itself never restarts.
import { z } from 'zod';
import { limits } from './sizes.js';

export const restartModes = ['always', 'on-failure'] as const;

const { maxAttempts, resetAfterSeconds, ignoredExitCodes } = limits.restartPolicy;

const shape = {
  mode: z.enum(restartModes).default('always').describe('`always`: after every exit; `on-failure`: after exit code 0 no more.'),
  ignoredExitCodes: z
    .array(z.int().min(0).max(255))
    .max(ignoredExitCodes.max)
    .default([])
    .describe('Exit codes after which it is not started again.'),
  maxAttempts: z
    .int()
    .min(maxAttempts.min)
    .max(maxAttempts.max)
    .nullish()
    .describe('Restarts in a row before it is given up. Left out: no limit.'),
  resetAfterSeconds: z
    .int()
    .min(resetAfterSeconds.min)
    .max(resetAfterSeconds.max)
    .default(resetAfterSeconds.default)
    .describe('A container that ran this long ran well: the waiting time and the count of restarts in a row begin anew.'),
};

export const restartPolicySchema = z
  .strictObject(shape)
  .describe('Start the container again in its place when it ends: after 1 s, then 2, 4, … and at most 300 s.');

/** On the wire: what is not known is left out. */
export const restartPolicySpecSchema = z.object(shape);
export type RestartPolicy = z.output<typeof restartPolicySpecSchema>;

const firstDelayMs = 1_000;
const mostDelayMs = 300_000;

/** How an attempt ended, as far as the policy asks. */
export interface AttemptEnd {
  /** Null when nobody knows. */
  readonly exitCode: number | null;
  /** It was stopped because its health check failed, so its exit code is our doing. */
  readonly unhealthy: boolean;
  readonly ranForMs: number;
  /** Restarts in a row that led to this attempt. */
  readonly restartsInARow: number;
}

/** @returns after how many milliseconds the next attempt begins, and its place in the row; or null: not again. */
export function nextAttempt(policy: RestartPolicy | null, end: AttemptEnd): { delayMs: number; restartsInARow: number } | null {
  if (!policy) return null;
  if (!end.unhealthy && end.exitCode === 0 && policy.mode === 'on-failure') return null;
  if (!end.unhealthy && end.exitCode !== null && policy.ignoredExitCodes.includes(end.exitCode)) return null;
  const before = end.ranForMs >= policy.resetAfterSeconds * 1000 ? 0 : end.restartsInARow;
  if (policy.maxAttempts != null && before >= policy.maxAttempts) return null;
  return { delayMs: Math.min(mostDelayMs, firstDelayMs * 2 ** Math.min(before, 20)), restartsInARow: before + 1 };
}
