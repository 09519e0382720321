// SQL of tasks as tenants see them. Placement and the agents' reports have their own stores.
import type { HostId, TaskId, TaskListQuery, TenantId } from '@berth/contract';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { idRange } from './id-prefix.js';
import type { TaskEventRow, TaskRow } from './task-view.js';

const taskColumns = `
  t.id, t.name, d.family, d.revision, d.spec, t.state, t.desired_state, t.cpu_millis, t.memory_mib, t.host_id, h.name AS host_name,
  t.address, t.ports,
  (SELECT coalesce(jsonb_agg(jsonb_build_object('id', g.id, 'name', g.name) ORDER BY g.name), '[]')
   FROM security_groups g WHERE g.id = ANY (t.security_groups)) AS security_groups, t.placement, t.on_host_drain, t.replaces, t.successor_id, t.pending_reason, t.needs, t.group_name, t.submitted_by, t.gang_id, t.replaced_by, t.stop_code, t.stop_reason, t.wish, t.wish_version, t.adjusted, t.containers, t.tags, t.start_timings, t.health,
  CASE WHEN t.protected_until > now() THEN t.protected_until END AS protected_until,
  t.created_at, t.placed_at, t.started_at, t.stopped_at`;
const joins = 'JOIN task_definitions d ON d.id = t.task_definition_id LEFT JOIN hosts h ON h.id = t.host_id';
const taskTables = `tasks t ${joins}`;

/** A place in the order of tasks. Microseconds, because PostgreSQL's times are finer than a Date. */
export interface TaskPlace {
  readonly micros: string;
  readonly id: string;
}

export type ListedTask = TaskRow & { readonly micros: string };

@Injectable()
export class TasksStore {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  async find(tenantId: TenantId, id: TaskId): Promise<TaskRow | null> {
    const rows = await this.database.query(`SELECT ${taskColumns} FROM ${taskTables} WHERE t.tenant_id = $1 AND t.id = $2`, [tenantId, id]);
    return rows[0] ?? null;
  }

  /** In the order of `ids`. */
  async findAll(tenantId: TenantId, ids: readonly string[]): Promise<TaskRow[]> {
    return this.database.query(
      `SELECT ${taskColumns} FROM unnest($2::uuid[]) WITH ORDINALITY AS wanted (id, place)
       JOIN (${taskTables}) ON t.id = wanted.id WHERE t.tenant_id = $1 ORDER BY wanted.place`,
      [tenantId, ids],
    );
  }

  async list(tenantId: TenantId, query: TaskListQuery, after: TaskPlace | null, limit: number): Promise<ListedTask[]> {
    const { where, values } = conditions(tenantId, query);
    const [comparison, direction] = query.sort === 'createdAt' ? ['>', 'ASC'] : ['<', 'DESC'];
    if (after) {
      values.push(after.micros, after.id);
      const time = `'epoch'::timestamptz + $${values.length - 1}::bigint * interval '1 microsecond'`;
      where.push(`(t.created_at, t.id) ${comparison} (${time}, $${values.length}::uuid)`);
    }
    values.push(limit);
    const order = `ORDER BY t.created_at ${direction}, t.id ${direction}`;
    // The page is cut before anything is joined to it, so that the index on (tenant, time) alone finds it.
    return this.database.query(
      `SELECT ${taskColumns}, (extract(epoch FROM t.created_at) * 1000000)::bigint::text AS micros
       FROM (SELECT * FROM tasks t WHERE ${where.join(' AND ')} ${order} LIMIT $${values.length}) t
       ${joins} ${order}`,
      values,
    );
  }

  /** Oldest first, after the event `afterId`. */
  async listEvents(tenantId: TenantId, id: TaskId, afterId: string | null, limit: number): Promise<TaskEventRow[]> {
    return this.database.query(
      `SELECT id::text AS id, task_id, at, type, reason FROM task_events
       WHERE task_id = $2 AND tenant_id = $1 AND ($3::bigint IS NULL OR task_events.id > $3) ORDER BY task_events.id LIMIT $4`,
      [tenantId, id, afterId, limit],
    );
  }

  /**
   * Asks a task to stop; one that waits for a host is stopped there and then. Changes nothing when it was asked
   * before or has stopped.
   * @returns the host that has to know, `changed` false when there was nothing to do.
   */
  async stop(tenantId: TenantId, id: TaskId, reason: string): Promise<{ changed: boolean; hostId: HostId | null }> {
    const rows: { host_id: HostId | null }[] = await this.database.query(
      `WITH changed AS (
         UPDATE tasks SET
           desired_state = 'stopped',
           desired_stop_code = 'UserInitiated',
           desired_stop_reason = $3,
           state = CASE state WHEN 'pending' THEN 'stopped' ELSE state END,
           stop_code = CASE state WHEN 'pending' THEN 'UserInitiated' END,
           stop_reason = CASE state WHEN 'pending' THEN $3 END,
           stopped_at = CASE state WHEN 'pending' THEN now() END
         WHERE tenant_id = $1 AND id = $2 AND desired_state = 'running' AND state <> 'stopped'
         RETURNING id, tenant_id, state, host_id
       ), told AS (
         INSERT INTO task_events (task_id, tenant_id, type, reason)
         SELECT id, tenant_id, CASE state WHEN 'stopped' THEN 'stopped' ELSE 'desired-stopped' END, $3 FROM changed
       )
       SELECT host_id FROM changed`,
      [tenantId, id, reason],
    );
    return { changed: rows.length > 0, hostId: rows[0]?.host_id ?? null };
  }
}

function conditions(tenantId: TenantId, query: TaskListQuery): { where: string[]; values: unknown[] } {
  const where = ['t.tenant_id = $1'];
  const values: unknown[] = [tenantId];
  const add = (sql: (place: string) => string, value: unknown) => {
    values.push(value);
    where.push(sql(`$${values.length}`));
  };
  if (query.state !== undefined) add((p) => `t.state = ANY (${p}::text[])`, query.state.split(','));
  if (query.family !== undefined)
    add((p) => `t.task_definition_id IN (SELECT id FROM task_definitions WHERE tenant_id = $1 AND family = ${p})`, query.family);
  if (query.name !== undefined) add((p) => `t.name = ${p}`, query.name);
  if (query.host !== undefined) add((p) => `t.host_id IN (SELECT id FROM hosts WHERE name = ${p} OR id::text = ${p})`, query.host);
  if (query.tag !== undefined) add((p) => `t.tags @> ${p}::jsonb`, JSON.stringify(tagOf(query.tag)));
  if (query.idPrefix !== undefined) {
    const range = idRange(query.idPrefix);
    if (!range) where.push('false');
    else {
      add((p) => `t.id >= ${p}::uuid`, range.from);
      add((p) => `t.id <= ${p}::uuid`, range.to);
    }
  }
  return { where, values };
}

function tagOf(text: string): Record<string, string> {
  const at = text.indexOf('=');
  return { [text.slice(0, at)]: text.slice(at + 1) };
}
