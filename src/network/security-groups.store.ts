// SQL of security groups. A change of rules makes a new version of them.
import { randomUUID } from 'node:crypto';
import { type CreateSecurityGroup, type SecurityGroup, securityGroupLimits, type TenantId } from '@berth/contract';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';

interface Row {
  id: string;
  name: string;
  description: string;
  ingress: SecurityGroup['ingress'];
  egress: SecurityGroup['egress'];
  version: number;
  tasks: number;
  created_at: Date;
  updated_at: Date;
}

/** With the words of the index on tasks' groups. */
const columns = `g.id, g.name, g.description, g.ingress, g.egress, g.version, g.created_at, g.updated_at,
  (SELECT count(*)::int FROM tasks t WHERE t.security_groups @> ARRAY[g.id]
     AND t.state IN ('pending', 'placed', 'starting', 'running', 'stopping')) AS tasks`;

export interface Changes {
  readonly description: string | null;
  readonly ingress: SecurityGroup['ingress'] | null;
  readonly egress: SecurityGroup['egress'] | null;
}

@Injectable()
export class SecurityGroupsStore {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  /** Runs `work` while nobody else changes this tenant's groups, so that the groups a rule names stay. */
  alone<T>(tenantId: TenantId, work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return this.database.transaction(async (manager) => {
      await manager.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`security-groups ${tenantId}`]);
      return work(manager);
    });
  }

  async namesOf(manager: EntityManager, tenantId: TenantId): Promise<Set<string>> {
    const rows: { name: string }[] = await manager.query('SELECT name FROM security_groups WHERE tenant_id = $1', [tenantId]);
    return new Set(rows.map(({ name }) => name));
  }

  /** @returns null when the name is taken or the tenant has as many groups as it may. */
  async insert(manager: EntityManager, tenantId: TenantId, group: CreateSecurityGroup): Promise<SecurityGroup | null> {
    const rows: Row[] = await manager.query(
      `INSERT INTO security_groups AS g (id, tenant_id, name, description, ingress, egress)
       SELECT $2, $1, $3, $4, $5, $6 WHERE (SELECT count(*) FROM security_groups WHERE tenant_id = $1) < ${securityGroupLimits.perTenant}
       ON CONFLICT (tenant_id, name) DO NOTHING RETURNING ${columns}`,
      [tenantId, randomUUID(), group.name, group.description, JSON.stringify(group.ingress), JSON.stringify(group.egress)],
    );
    return rows[0] ? toGroup(rows[0]) : null;
  }

  async find(tenantId: TenantId, name: string, manager: EntityManager | DataSource = this.database): Promise<SecurityGroup | null> {
    const rows: Row[] = await manager.query(`SELECT ${columns} FROM security_groups g WHERE g.tenant_id = $1 AND g.name = $2`, [
      tenantId,
      name,
    ]);
    return rows[0] ? toGroup(rows[0]) : null;
  }

  /** By name, after `afterName`. */
  async list(tenantId: TenantId, afterName: string | null, limit: number): Promise<SecurityGroup[]> {
    const rows: Row[] = await this.database.query(
      `SELECT ${columns} FROM security_groups g WHERE g.tenant_id = $1 AND ($2::text IS NULL OR g.name > $2) ORDER BY g.name LIMIT $3`,
      [tenantId, afterName, limit],
    );
    return rows.map(toGroup);
  }

  /** Null leaves a part as it is. @returns null when there is no such group. */
  async update(manager: EntityManager, tenantId: TenantId, name: string, changes: Changes): Promise<SecurityGroup | null> {
    const rules = (list: object | null) => list && JSON.stringify(list);
    const [rows]: [Row[], number] = await manager.query(
      `UPDATE security_groups g SET description = coalesce($3, description), ingress = coalesce($4::jsonb, ingress),
              egress = coalesce($5::jsonb, egress), updated_at = now(),
              version = version + CASE WHEN coalesce($4::jsonb, ingress) = ingress AND coalesce($5::jsonb, egress) = egress THEN 0 ELSE 1 END
       WHERE g.tenant_id = $1 AND g.name = $2 RETURNING ${columns}`,
      [tenantId, name, changes.description, rules(changes.ingress), rules(changes.egress)],
    );
    return rows[0] ? toGroup(rows[0]) : null;
  }

  /** Waits for requests that are putting tasks into it: they hold the row. */
  async lock(manager: EntityManager, tenantId: TenantId, name: string): Promise<void> {
    await manager.query('SELECT FROM security_groups WHERE tenant_id = $1 AND name = $2 FOR UPDATE', [tenantId, name]);
  }

  /** Names of the tenant's other groups with a rule that names this one. */
  async namedBy(manager: EntityManager, tenantId: TenantId, name: string): Promise<string[]> {
    const rows: { name: string }[] = await manager.query(
      `SELECT name FROM security_groups WHERE tenant_id = $1 AND name <> $2
         AND (ingress @> jsonb_build_array(jsonb_build_object('source', jsonb_build_object('group', $2::text)))
           OR egress @> jsonb_build_array(jsonb_build_object('destination', jsonb_build_object('group', $2::text)))) ORDER BY name`,
      [tenantId, name],
    );
    return rows.map((row) => row.name);
  }

  async delete(manager: EntityManager, tenantId: TenantId, name: string): Promise<void> {
    await manager.query('DELETE FROM security_groups WHERE tenant_id = $1 AND name = $2', [tenantId, name]);
  }
}

function toGroup(row: Row): SecurityGroup {
  const { id, name, description, ingress, egress, version, tasks } = row;
  return {
    ...{ id, name, description, ingress, egress, version, tasks },
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  };
}
