// SQL of task definitions. They are never updated, only marked as deregistered.
import { randomUUID } from 'node:crypto';
import type { TaskDefinitionId, TenantId } from '@berth/contract';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import type { Definition, DefinitionName, RegisteredSpec } from './task-definition.js';

interface Row {
  id: TaskDefinitionId;
  family: string;
  revision: number;
  spec: RegisteredSpec;
  created_at: Date;
  deregistered_at: Date | null;
}

const columns = 'id, family, revision, spec, created_at, deregistered_at';

@Injectable()
export class TaskDefinitionsStore {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  /** A named revision even if deregistered; the newest only of those that are not. */
  async find(tenantId: TenantId, { family, revision }: DefinitionName): Promise<Definition | null> {
    const rows = await this.database.query(
      `SELECT ${columns} FROM task_definitions
       WHERE tenant_id = $1 AND family = $2 AND CASE WHEN $3::int IS NULL THEN deregistered_at IS NULL ELSE revision = $3 END
       ORDER BY revision DESC LIMIT 1`,
      [tenantId, family, revision],
    );
    return first(rows);
  }

  /** The definition to run, held against deregistration until the transaction ends. */
  async lockForRun(manager: EntityManager, tenantId: TenantId, { family, revision }: DefinitionName): Promise<Definition | null> {
    const rows = await manager.query(
      `SELECT ${columns} FROM task_definitions
       WHERE tenant_id = $1 AND family = $2 AND ($3::int IS NULL OR revision = $3) AND deregistered_at IS NULL
       ORDER BY revision DESC LIMIT 1 FOR KEY SHARE`,
      [tenantId, family, revision],
    );
    return first(rows);
  }

  /** The family's newest active revision that says exactly this; held as above. */
  async lockSame(manager: EntityManager, tenantId: TenantId, family: string, hash: Buffer): Promise<Definition | null> {
    const rows = await manager.query(
      `SELECT ${columns} FROM task_definitions
       WHERE tenant_id = $1 AND family = $2 AND spec_hash = $3 AND deregistered_at IS NULL
       ORDER BY revision DESC LIMIT 1 FOR KEY SHARE`,
      [tenantId, family, hash],
    );
    return first(rows);
  }

  /** One writer a family until the transaction ends, so that revisions count up without gaps. */
  async lockFamily(manager: EntityManager, tenantId: TenantId, family: string): Promise<void> {
    await manager.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`task-definitions ${tenantId} ${family}`]);
  }

  /** The next revision. Call with the family locked. */
  async insert(manager: EntityManager, tenantId: TenantId, spec: RegisteredSpec, hash: Buffer): Promise<Definition> {
    const rows = await manager.query(
      `INSERT INTO task_definitions (id, tenant_id, family, revision, spec, spec_hash)
       SELECT $1, $2, $3, coalesce(max(revision), 0) + 1, $4, $5 FROM task_definitions WHERE tenant_id = $2 AND family = $3
       RETURNING ${columns}`,
      [randomUUID(), tenantId, spec.family, JSON.stringify(spec), hash],
    );
    return toDefinition(rows[0]);
  }

  /** By family, newest revision first, after the given place. Deregistered ones are left out. */
  async list(
    tenantId: TenantId,
    family: string | null,
    after: { family: string; revision: number } | null,
    limit: number,
  ): Promise<Definition[]> {
    const rows: Row[] = await this.database.query(
      `SELECT ${columns} FROM task_definitions
       WHERE tenant_id = $1 AND deregistered_at IS NULL AND ($2::text IS NULL OR family = $2)
         AND ($3::text IS NULL OR family > $3 OR (family = $3 AND revision < $4))
       ORDER BY family, revision DESC LIMIT $5`,
      [tenantId, family, after?.family ?? null, after?.revision ?? null, limit],
    );
    return rows.map(toDefinition);
  }

  /**
   * Marks a revision as deregistered unless tasks of it have not stopped. Waits for transactions that are starting
   * tasks of it (`lockForRun`).
   */
  async deregister(tenantId: TenantId, family: string, revision: number): Promise<{ definition: Definition | null; activeTasks: number }> {
    return this.database.transaction(async (manager) => {
      const definition = first(
        await manager.query(`SELECT ${columns} FROM task_definitions WHERE tenant_id = $1 AND family = $2 AND revision = $3 FOR UPDATE`, [
          tenantId,
          family,
          revision,
        ]),
      );
      if (!definition || definition.deregisteredAt) return { definition, activeTasks: 0 };
      const [{ count }] = await manager.query(
        "SELECT count(*)::int AS count FROM tasks WHERE task_definition_id = $1 AND state <> 'stopped'",
        [definition.id],
      );
      if (count > 0) return { definition, activeTasks: count };
      const [rows] = await manager.query(`UPDATE task_definitions SET deregistered_at = now() WHERE id = $1 RETURNING ${columns}`, [
        definition.id,
      ]);
      return { definition: first(rows), activeTasks: 0 };
    });
  }
}

function first(rows: readonly Row[]): Definition | null {
  return rows[0] ? toDefinition(rows[0]) : null;
}

function toDefinition(row: Row): Definition {
  return {
    id: row.id,
    family: row.family,
    revision: row.revision,
    spec: row.spec,
    createdAt: row.created_at,
    deregisteredAt: row.deregistered_at,
  };
}
