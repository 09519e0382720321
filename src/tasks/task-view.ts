// A task's row as the API shows it.
import {
  type Adjusted,
  type ContainerReport,
  type Health,
  macOf,
  type OnHostDrain,
  type PendingReason,
  type StopCode,
  type Task,
  type TaskEvent,
  type TaskId,
  type TaskState,
  type TaskWish,
} from '@berth/contract';
import type { Needs } from '../placement/fleet.js';
import { adjustmentOf } from './adjustment.js';
import type { RegisteredSpec } from './task-definition.js';

/** Columns of `tasks` with its definition and host, as `tasks.store` reads them. */
export interface TaskRow {
  readonly id: TaskId;
  readonly name: string | null;
  readonly family: string;
  readonly revision: number;
  readonly spec: RegisteredSpec;
  readonly state: TaskState;
  readonly desired_state: 'running' | 'stopped';
  /** What it holds for placement; `adjusted` says what it has. */
  readonly cpu_millis: number;
  readonly memory_mib: number;
  readonly host_id: string | null;
  readonly host_name: string | null;
  readonly address: string | null;
  readonly security_groups: readonly { readonly id: string; readonly name: string }[];
  readonly ports: Task['ports'];
  readonly placement: string | null;
  readonly on_host_drain: OnHostDrain;
  readonly replaces: string | null;
  readonly successor_id: string | null;
  readonly pending_reason: PendingReason | null;
  readonly needs: Needs;
  readonly group_name: string | null;
  readonly submitted_by: string | null;
  readonly gang_id: string | null;
  readonly replaced_by: string | null;
  readonly stop_code: StopCode | null;
  readonly stop_reason: string | null;
  readonly wish: Omit<TaskWish, 'version'> | null;
  readonly wish_version: number;
  readonly adjusted: Adjusted | null;
  readonly health: Health;
  /** Null as well when it is over. */
  readonly protected_until: Date | null;
  readonly containers: readonly ContainerReport[] | null;
  readonly tags: Record<string, string>;
  readonly start_timings: Record<string, number> | null;
  readonly created_at: Date;
  readonly placed_at: Date | null;
  readonly started_at: Date | null;
  readonly stopped_at: Date | null;
}

export function toApiTask(row: TaskRow): Task {
  return {
    id: row.id,
    name: row.name,
    taskDefinition: `${row.family}:${row.revision}`,
    state: row.state,
    desiredState: row.desired_state,
    cpuMillis: row.adjusted?.cpuMillis ?? row.cpu_millis,
    memoryMiB: row.adjusted?.memoryMiB ?? row.memory_mib,
    frozen: row.adjusted?.frozen ?? false,
    adjustment: adjustmentOf(row),
    host: row.host_id === null ? null : { id: row.host_id, name: row.host_name ?? '' },
    address: row.address,
    mac: row.address && macOf(row.address),
    securityGroups: [...row.security_groups],
    ports: row.ports,
    placement: row.placement,
    onHostDrain: row.on_host_drain,
    replaces: row.replaces,
    replacedBy: row.successor_id ?? row.replaced_by,
    pending: row.state === 'pending' ? row.pending_reason : null,
    capacityTier: row.needs.capacityTier ?? 'flex',
    group: row.group_name,
    submittedBy: row.submitted_by,
    gangId: row.gang_id,
    stopCode: row.stop_code,
    stopReason: row.stop_reason,
    health: row.health,
    protection: { enabled: row.protected_until !== null, expiresAt: toInstant(row.protected_until) },
    containers: toApiContainers(row.spec, row.containers ?? []),
    tags: row.tags,
    createdAt: row.created_at.toISOString(),
    placedAt: toInstant(row.placed_at),
    startedAt: toInstant(row.started_at),
    stoppedAt: toInstant(row.stopped_at),
    startTimings: row.start_timings,
  };
}

/** Every container of the definition, in its order, with what the agent last said about it. */
function toApiContainers(spec: RegisteredSpec, reports: readonly ContainerReport[]): Task['containers'] {
  return spec.containers.map(({ name, image, imageDigest }) => {
    const report = reports.find((one) => one.name === name);
    return {
      name,
      image,
      imageDigest,
      state: report?.state ?? 'waiting',
      exitCode: report?.exitCode ?? null,
      signal: report?.signal ?? null,
      reason: report?.reason ?? null,
      startedAt: report?.startedAt ?? null,
      finishedAt: report?.finishedAt ?? null,
      restartCount: report?.restartCount ?? 0,
      lastExit: report?.lastExit ?? null,
      nextStartAt: report?.nextStartAt ?? null,
      health: report?.health ?? 'unknown',
      healthReason: report?.healthReason ?? null,
    };
  });
}

export interface TaskEventRow {
  readonly id: string;
  readonly task_id: TaskId;
  readonly at: Date;
  readonly type: string;
  readonly reason: string;
}

export function toApiEvent(row: TaskEventRow): TaskEvent {
  return { id: row.id, taskId: row.task_id, at: row.at.toISOString(), type: row.type, reason: row.reason };
}

function toInstant(time: Date | null): string | null {
  return time?.toISOString() ?? null;
}
