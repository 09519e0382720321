// What the database wants of hosts: the tasks they hold, and the full order for those that an agent has not got yet.
import type { HostId, StopCode, TaskId, TaskWish } from '@berth/contract';
import type { DataSource } from 'typeorm';
import { holdsCapacity } from '../db/holding.js';
import type { SpecSource, StoredDefinition } from './task-spec.js';

export type Wanted = { readonly hostId: HostId; readonly taskId: TaskId } & (
  | { readonly desired: 'running'; readonly wishVersion: number }
  | { readonly desired: 'stopped'; readonly stopCode: StopCode; readonly reason: string }
);

/** Every task that holds room on one of these hosts, and the newest leader's epoch (0 if there never was one). */
export async function readWanted(db: DataSource, hostIds: readonly HostId[]): Promise<{ epoch: number; wanted: Wanted[] }> {
  const rows: WantedRow[] = await db.query(
    `SELECT coalesce((SELECT epoch FROM leases WHERE name = 'scheduler'), 0) AS epoch,
            t.id, t.host_id, t.desired_state, t.desired_stop_code, t.desired_stop_reason, t.wish_version
     FROM (SELECT) AS one LEFT JOIN tasks t ON t.host_id = ANY($1::uuid[]) AND t.state ${holdsCapacity}`,
    [hostIds],
  );
  return { epoch: Number(rows[0]?.epoch ?? 0), wanted: rows.flatMap((row) => (row.id === null ? [] : toWanted(row, row.id))) };
}

/** What hosts need to run these tasks. Those that have ended meanwhile are left out. */
export async function readSpecSources(db: DataSource, taskIds: readonly TaskId[]): Promise<SpecSource[]> {
  if (taskIds.length === 0) return [];
  const rows: SpecRow[] = await db.query(
    `SELECT t.id, t.tenant_id, t.name, t.cpu_millis, t.memory_mib, t.overrides, t.security_groups, t.needs->'volumes' AS volumes, t.task_definition_id,
            t.wish_version, t.wish,
            d.family, d.revision,
            CASE WHEN row_number() OVER (PARTITION BY t.task_definition_id) = 1 THEN d.spec END AS spec
     FROM tasks t JOIN task_definitions d ON d.id = t.task_definition_id
     WHERE t.id = ANY($1::uuid[]) AND t.state ${holdsCapacity}`,
    [taskIds],
  );
  return toSpecSources(rows);
}

export interface SpecRow {
  id: TaskId;
  tenant_id: string;
  name: string | null;
  cpu_millis: number;
  memory_mib: number;
  overrides: SpecSource['overrides'];
  task_definition_id: string;
  family: string;
  revision: number;
  security_groups: readonly string[];
  volumes?: SpecSource['volumes'] | null;
  /** Not there where nothing can have been wished yet. */
  wish_version?: number;
  wish?: Omit<TaskWish, 'version'> | null;
  /** On the first row of each definition only: a batch often has one, and it can be large. */
  spec: StoredDefinition | null;
}

export function toSpecSources<R extends SpecRow>(rows: readonly R[]): SpecSource[] {
  const definitions = new Map(rows.flatMap(({ task_definition_id, spec }) => (spec ? [[task_definition_id, spec] as const] : [])));
  return rows.flatMap((row) => {
    const definition = definitions.get(row.task_definition_id);
    if (!definition) return [];
    const { id: taskId, tenant_id: tenantId, name, family, revision, overrides } = row;
    const sizes = { cpuMillis: row.cpu_millis, memoryMiB: row.memory_mib };
    const wish = row.wish ? { ...row.wish, version: row.wish_version ?? 0 } : undefined;
    return {
      taskId,
      tenantId,
      name,
      family,
      revision,
      overrides,
      ...sizes,
      definition,
      wish,
      securityGroups: row.security_groups,
      volumes: row.volumes ?? [],
    };
  });
}

interface WantedRow {
  epoch: string;
  id: TaskId | null;
  host_id: HostId;
  desired_state: 'running' | 'stopped';
  desired_stop_code: StopCode | null;
  desired_stop_reason: string | null;
  wish_version: number;
}

function toWanted(row: WantedRow, taskId: TaskId): Wanted {
  const { host_id: hostId, desired_stop_code: stopCode, desired_stop_reason: reason } = row;
  if (row.desired_state === 'running') return { hostId, taskId, desired: 'running', wishVersion: row.wish_version };
  return { hostId, taskId, desired: 'stopped', stopCode: stopCode ?? 'UserInitiated', reason: reason ?? 'it was asked to stop' };
}
