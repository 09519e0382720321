// How a task's record is told to the control plane.
import type { TaskReport, TaskState } from '@berth/contract';
import { toInstant } from './instant.js';
import type { ReportedState, TaskRecord } from './state.js';

export function toReport(record: TaskRecord): TaskReport {
  const reachedAt: Partial<Record<ReportedState, string>> = {};
  for (const [state, atMs] of Object.entries(record.reachedAtMs)) reachedAt[state as ReportedState] = toInstant(atMs);
  return {
    taskId: record.taskId,
    version: record.version,
    state: record.state,
    reachedAt,
    address: record.address,
    ports: [...(record.ports ?? [])],
    stopCode: record.stop?.code ?? null,
    stopReason: record.stop?.reason ?? null,
    containers: record.containers.map((container) => ({
      name: container.name,
      state: container.state,
      exitCode: container.exitCode,
      signal: container.signal,
      reason: container.reason,
      startedAt: container.startedAtMs === null ? null : toInstant(container.startedAtMs),
      finishedAt: container.finishedAtMs === null ? null : toInstant(container.finishedAtMs),
    })),
    startTimings: record.startTimings,
    ...(record.adjusted && { adjusted: record.adjusted }),
  };
}

/** How long a report may wait for a newer one to take its place: states that pass quickly are seldom worth their own. */
export function reportDelayMs(state: TaskState): number {
  switch (state) {
    case 'pending':
    case 'placed':
    case 'starting':
      return 250;
    case 'stopping':
      return 50;
    case 'running':
    case 'stopped':
      return 0;
    default:
      return state satisfies never;
  }
}
