// What was placed lately and how long tasks took to start, from the newest events: no table has to be scanned for it.
import type { DataSource } from 'typeorm';
import { millis } from './disruption.store.js';
import { msPerTask, type PlacedBatch } from './pace.js';

const newestEvents = 4_000;

export interface Pace {
  /** While there was a queue; null: there was none lately. */
  readonly msPerTask: number | null;
  /** Half of the tasks that started lately took no longer from being placed to running. Null: none did. */
  readonly startMs: number | null;
}

export async function readPace(db: DataSource): Promise<Pace> {
  const [row]: { batches: PlacedBatch[]; start_ms: number | null }[] = await db.query(
    `WITH newest AS MATERIALIZED (
       SELECT * FROM (SELECT task_id, at, type FROM task_events ORDER BY id DESC LIMIT ${newestEvents}) e WHERE at > now() - interval '10 minutes'
     )
     SELECT coalesce((SELECT json_agg(b ORDER BY b."atMs") FROM (
              SELECT ${millis('at')} AS "atMs", count(*)::int AS tasks FROM newest WHERE type = 'placed' GROUP BY at) b), '[]') AS batches,
            (SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY ${millis('r.at - p.at')})
             FROM newest r JOIN newest p ON p.task_id = r.task_id AND p.type = 'placed' WHERE r.type = 'running') AS start_ms`,
  );
  return { msPerTask: msPerTask(row?.batches ?? []), startMs: row?.start_ms == null ? null : Math.max(0, Math.round(row.start_ms)) };
}
