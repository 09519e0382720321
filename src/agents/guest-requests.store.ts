// What hosts may know on behalf of tasks that run there: who a task is, and the addresses of its tenant's other tasks.
import { addressesPerNameMax, type HostId, type NamesRequest, type TaskId } from '@berth/contract';
import type { DataSource } from 'typeorm';
import { holdsCapacity } from '../db/holding.js';
import type { IdentifiedTask } from '../identity/task-identity.js';

/** Null unless this host has the task, and the task has not stopped. */
export async function findTaskOnHost(db: DataSource, hostId: HostId, taskId: TaskId): Promise<IdentifiedTask | null> {
  const rows: TaskRow[] = await db.query(
    `SELECT t.id, t.tenant_id, n.name AS tenant_name, t.name, d.family, d.revision
     FROM tasks t JOIN task_definitions d ON d.id = t.task_definition_id JOIN tenants n ON n.id = t.tenant_id
     WHERE t.id = $1 AND t.host_id = $2 AND t.state ${holdsCapacity}`,
    [taskId, hostId],
  );
  const row = rows[0];
  if (!row) return null;
  const { id, tenant_id, tenant_name, name, family, revision } = row;
  return { taskId: id, tenantId: tenant_id, tenantName: tenant_name, name, family, revision, hostId };
}

interface TaskRow {
  id: string;
  tenant_id: string;
  tenant_name: string;
  name: string | null;
  family: string;
  revision: number;
}

export async function hasTaskOfTenant(db: DataSource, hostId: HostId, tenantId: string): Promise<boolean> {
  const rows = await db.query(`SELECT FROM tasks WHERE host_id = $1 AND tenant_id = $2 AND state ${holdsCapacity} LIMIT 1`, [
    hostId,
    tenantId,
  ]);
  return rows.length > 0;
}

/** Addresses of the tenant's running tasks that the label means, the newest first. */
export async function findAddresses(db: DataSource, { tenantId, kind, label }: NamesRequest): Promise<string[]> {
  const rows: { address: string }[] =
    kind === 'family'
      ? await db.query(byFamily, [tenantId, label.toLowerCase(), addressesPerNameMax])
      : await db.query(byNameOrId, [tenantId, label.toLowerCase(), ...idRange(label.toLowerCase()), addressesPerNameMax]);
  return rows.map(({ address }) => address);
}

const byFamily = `
  SELECT t.address FROM task_definitions d JOIN tasks t ON t.task_definition_id = d.id AND t.state <> 'stopped'
  WHERE d.tenant_id = $1 AND lower(d.family) = $2 AND t.state = 'running' AND t.desired_state = 'running' AND t.address IS NOT NULL
  ORDER BY t.created_at DESC LIMIT $3`;

const byNameOrId = `
  SELECT address FROM (
    SELECT address, created_at FROM tasks
    WHERE tenant_id = $1 AND name = $2 AND state = 'running' AND desired_state = 'running' AND address IS NOT NULL
    UNION
    SELECT address, created_at FROM tasks
    WHERE id BETWEEN $3::uuid AND $4::uuid AND tenant_id = $1 AND state = 'running' AND desired_state = 'running' AND address IS NOT NULL
  ) AS found ORDER BY created_at DESC LIMIT $5`;

/** The ids that a label means: one, those that begin with its eight digits, or none. */
function idRange(label: string): [string | null, string | null] {
  if (/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(label)) return [label, label];
  if (!/^[0-9a-f]{8}$/.test(label)) return [null, null];
  return [`${label}-0000-0000-0000-000000000000`, `${label}-ffff-ffff-ffff-ffffffffffff`];
}
