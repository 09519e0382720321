// How a task's record is told to the control plane.
import { type ContainerReport, type TaskReport, type TaskState, taskHealth } from '@berth/contract';
import { toInstant } from './instant.js';
import type { ContainerRecord, ReportedState, TaskRecord } from './state.js';

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
    containers: record.containers.map(toContainerReport),
    health: healthOf(record),
    protection: protectionOf(record),
    startTimings: record.startTimings,
    ...(record.adjusted && { adjusted: record.adjusted }),
  };
}

function toContainerReport(container: ContainerRecord): ContainerReport {
  const { lastExit } = container;
  return {
    name: container.name,
    state: container.state,
    exitCode: container.exitCode,
    signal: container.signal,
    reason: container.reason,
    startedAt: instantOrNull(container.startedAtMs),
    finishedAt: instantOrNull(container.finishedAtMs),
    restartCount: Math.max(0, container.attempt - 1),
    lastExit: lastExit && {
      exitCode: lastExit.exitCode,
      signal: lastExit.signal,
      reason: lastExit.reason,
      finishedAt: toInstant(lastExit.finishedAtMs),
    },
    nextStartAt: instantOrNull(container.nextStartAtMs),
    health: container.health,
    healthReason: container.healthReason,
  };
}

function healthOf({ containers, spec }: TaskRecord): TaskReport['health'] {
  const isChecked = (name: string) => spec?.containers.some((each) => each.name === name && each.healthCheck !== null) ?? false;
  return taskHealth(containers.map(({ name, essential, health }) => ({ essential, health, checked: isChecked(name) })));
}

function protectionOf({ protection }: TaskRecord): TaskReport['protection'] {
  return protection && { setAt: toInstant(protection.setAtMs), expiresAt: instantOrNull(protection.untilMs) };
}

function instantOrNull(ms: number | null): string | null {
  return ms === null ? null : toInstant(ms);
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
