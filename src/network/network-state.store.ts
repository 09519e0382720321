// Reads what hosts have to be told of the network: four statements for any number of hosts.
import type { HostEntry, HostId, TenantId } from '@berth/contract';
import type { DataSource } from 'typeorm';
import { holdsCapacity } from '../db/holding.js';
import type { GroupRow, MemberRow } from './network-state.js';

interface HostRow {
  id: HostId;
  subnet: string;
  underlay: string | null;
  live: boolean;
}

/** The hosts that were given a subnet, and of those the ones that use it and can be reached. */
export async function readOverlay(db: DataSource): Promise<{ subnets: Map<HostId, string>; hosts: HostEntry[] }> {
  const rows: HostRow[] = await db.query(
    `SELECT id, subnet, network->>'underlay' AS underlay, state <> 'lost' AND network->>'subnet' IS NOT DISTINCT FROM subnet AS live
     FROM hosts WHERE subnet IS NOT NULL ORDER BY id`,
  );
  return {
    subnets: new Map(rows.map(({ id, subnet }) => [id, subnet])),
    hosts: rows.flatMap(({ id, subnet, underlay, live }) => (live && underlay !== null ? { hostId: id, subnet, underlay } : [])),
  };
}

export async function readTenantsOn(db: DataSource, hostIds: readonly HostId[]): Promise<{ hostId: HostId; tenantId: TenantId }[]> {
  const rows: { host_id: HostId; tenant_id: TenantId }[] = await db.query(
    `SELECT DISTINCT host_id, tenant_id FROM tasks WHERE host_id = ANY($1::uuid[]) AND state ${holdsCapacity}`,
    [hostIds],
  );
  return rows.map((row) => ({ hostId: row.host_id, tenantId: row.tenant_id }));
}

export async function readGroups(db: DataSource, tenantIds: readonly TenantId[]): Promise<GroupRow[]> {
  if (tenantIds.length === 0) return [];
  return db.query(
    `SELECT id, tenant_id AS "tenantId", name, ingress, egress FROM security_groups WHERE tenant_id = ANY($1::uuid[]) ORDER BY id`,
    [tenantIds],
  );
}

/** These tenants' tasks on any of these hosts. */
export async function readMembers(db: DataSource, tenantIds: readonly TenantId[], hostIds: readonly HostId[]): Promise<MemberRow[]> {
  if (tenantIds.length === 0 || hostIds.length === 0) return [];
  return db.query(
    `SELECT tenant_id AS "tenantId", host_id AS "hostId", address, security_groups AS groups FROM tasks
     WHERE host_id = ANY($2::uuid[]) AND tenant_id = ANY($1::uuid[]) AND state ${holdsCapacity} AND address IS NOT NULL ORDER BY id`,
    [tenantIds, hostIds],
  );
}
