// Which tasks share a disruption budget, how many of them there are to be, how many run, and how often they were moved.
import type { DisruptionBudget } from '@berth/contract';
import type { DataSource } from 'typeorm';
import { type DisruptionGroup, evictionsAllowed } from './budget.js';

/** `t` is the task and `h` its host. Silence of the host makes it unknown, which is not available. */
export const available = (t: string, h: string) =>
  `(${t}.state = 'running' AND ${t}.desired_state = 'running' AND ${t}.health <> 'unhealthy' AND ${h}.state = 'active')`;
export const millis = (column: string) => `extract(epoch FROM ${column})::float8 * 1000`;
/** Whose disruption budget counts for the task. */
export const disruptionGroupOf = (t: string) => `coalesce(${t}.disruption_group, ${t}.task_definition_id)`;

/** Tasks are counted only where a budget asks how many there are. */
export async function readDisruptionGroups(db: DataSource, groupIds: readonly string[]): Promise<Map<string, DisruptionGroup>> {
  return new Map((await readGroups(db, groupIds)).map(({ id, group }) => [id, group]));
}

/** How many tasks of each group may be evicted now without anybody taking their place. */
export async function readEvictionsAllowed(db: DataSource, groupIds: readonly string[]): Promise<Map<string, number>> {
  return new Map((await readGroups(db, groupIds)).map(({ id, group, nowMs }) => [id, evictionsAllowed(group, nowMs)]));
}

async function readGroups(db: DataSource, groupIds: readonly string[]): Promise<{ id: string; group: DisruptionGroup; nowMs: number }[]> {
  if (groupIds.length === 0) return [];
  const rows: GroupRow[] = await db.query(
    `SELECT g.id, b.budget, coalesce(c.wanted, 0) + coalesce(c.owed, 0) + coalesce(e.preempted, 0) AS wanted, coalesce(c.available, 0) AS available,
            e.under_way, e.begun_at_ms, ${millis('now()')} AS now_ms
     FROM unnest($1::uuid[]) AS g(id)
     LEFT JOIN disruption_groups dg ON dg.id = g.id LEFT JOIN task_definitions td ON td.id = g.id
     CROSS JOIN LATERAL (SELECT coalesce(dg.budget, td.spec->'disruptionBudget') AS budget) b
     LEFT JOIN LATERAL (
       SELECT count(*) FILTER (WHERE ${available('t', 'h')})::int AS available,
              -- What never ran is not missed, unless it takes another's place; and a pair is one.
              count(*) FILTER (WHERE t.desired_state = 'running' AND (t.started_at IS NOT NULL OR t.replaces IS NOT NULL)
                AND NOT EXISTS (SELECT FROM evictions o JOIN tasks old ON old.id = o.task_id
                                WHERE t.replaces IS NOT NULL AND o.task_id = t.replaces AND o.ended_at IS NULL
                                  AND old.desired_state = 'running' AND old.state <> 'stopped'))::int AS wanted,
              (SELECT count(*)::int FROM evictions o JOIN tasks old ON old.id = o.task_id
               WHERE o.group_id = g.id AND o.ended_at IS NULL AND o.replacement_id IS NULL AND old.desired_state = 'stopped') AS owed
       FROM tasks t LEFT JOIN hosts h ON h.id = t.host_id
       WHERE t.state <> 'stopped' AND (t.disruption_group = g.id OR (t.disruption_group IS NULL AND t.task_definition_id = g.id))
     ) c ON b.budget IS NOT NULL
     LEFT JOIN LATERAL (
       SELECT count(*) FILTER (WHERE ended_at IS NULL)::int AS under_way,
              -- Nobody takes their place by the platform's doing: they are missed until their owner could have seen to it.
              count(*) FILTER (WHERE drain_id IS NULL AND begun_at > now() - interval '1 hour')::int AS preempted,
              coalesce(array_agg(${millis('begun_at')}) FILTER (WHERE begun_at > now() - interval '1 hour'), '{}') AS begun_at_ms
       FROM evictions WHERE group_id = g.id AND (ended_at IS NULL OR begun_at > now() - interval '1 hour')
     ) e ON true`,
    [groupIds],
  );
  return rows.map(({ id, budget, wanted, available, under_way, begun_at_ms, now_ms }) => ({
    id,
    group: { budget, wanted, available, underWay: under_way, begunAtMs: begun_at_ms },
    nowMs: now_ms,
  }));
}

interface GroupRow {
  id: string;
  budget: DisruptionBudget | null;
  wanted: number;
  available: number;
  under_way: number;
  begun_at_ms: number[];
  now_ms: number;
}
