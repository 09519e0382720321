// What happens to one container of a task, attempt by attempt: its start, its end, and whether another attempt follows.
import { type ContainerSpec, nextAttempt } from '@berth/contract';
import type { ExitFacts } from './entries.js';
import type { ContainerRecord, PastExit } from './state.js';

/** Of an attempt that has not begun. */
const untouched = {
  state: 'waiting',
  startingAtMs: null,
  startedAtMs: null,
  finishedAtMs: null,
  exitCode: null,
  signal: null,
  reason: null,
  stopSentAtMs: null,
  killSentAtMs: null,
  kills: 0,
  health: 'unknown',
  healthReason: null,
} as const;

/** What containers of before there were restarts have not written down. */
export const firstAttempt = {
  attempt: 0,
  restartsInARow: 0,
  cleared: true,
  nextStartAtMs: null,
  firstStartAtMs: null,
  lastExit: null,
  health: 'unknown',
  healthReason: null,
} as const;

export function newContainer({ name, essential, stopTimeoutSeconds }: ContainerSpec): ContainerRecord {
  return { name, essential, stopTimeoutMs: stopTimeoutSeconds * 1000, ...untouched, ...firstAttempt };
}

export function beginAttempt(container: ContainerRecord, attempt: number, atMs: number): Partial<ContainerRecord> {
  return {
    state: 'starting',
    attempt,
    startingAtMs: atMs,
    firstStartAtMs: container.firstStartAtMs ?? atMs,
    nextStartAtMs: null,
    cleared: false,
  };
}

/** It was never let go: the same attempt may be made again, and the runtime has left nothing of it. */
export function undoAttempt(container: ContainerRecord): Partial<ContainerRecord> {
  return { state: 'waiting', attempt: container.attempt - 1, startingAtMs: null, cleared: true };
}

export function endAttempt(container: ContainerRecord, exit: ExitFacts, startedAtMs: number, finishedAtMs: number): ContainerRecord {
  return {
    ...container,
    state: 'exited',
    startedAtMs,
    finishedAtMs,
    exitCode: exit.exitCode,
    signal: exit.signal,
    reason: exit.runtimeFailure ?? (exit.oomKilled ? 'OutOfMemory' : null),
  };
}

/** Whether its end was our doing because it was unhealthy. */
export function wasEndedAsUnhealthy({ health, stopSentAtMs }: ContainerRecord): boolean {
  return health === 'unhealthy' && stopSentAtMs !== null;
}

/** @returns the container as it waits for its next attempt, or null when there is to be none. */
export function toNextAttempt(ended: ContainerRecord, spec: ContainerSpec | undefined): ContainerRecord | null {
  const past = pastExit(ended);
  const next = nextAttempt(spec?.restartPolicy ?? null, {
    exitCode: ended.exitCode,
    unhealthy: wasEndedAsUnhealthy(ended),
    ranForMs: past.finishedAtMs - past.startedAtMs,
    restartsInARow: ended.restartsInARow,
  });
  if (!next) return null;
  return {
    ...ended,
    ...untouched,
    restartsInARow: next.restartsInARow,
    nextStartAtMs: past.finishedAtMs + next.delayMs,
    lastExit: past,
  };
}

/** When the task is to stop there is no next attempt: the last one was the end. */
export function dropNextAttempt(container: ContainerRecord): ContainerRecord {
  const { state, lastExit } = container;
  if (state !== 'waiting' || !lastExit) return container;
  return { ...container, ...lastExit, state: 'exited', nextStartAtMs: null, lastExit: null };
}

function pastExit({ startedAtMs, finishedAtMs, exitCode, signal, reason }: ContainerRecord): PastExit {
  const ended = finishedAtMs ?? 0;
  return { startedAtMs: startedAtMs ?? ended, finishedAtMs: ended, exitCode, signal, reason };
}
