// SQL of what a tenant has used up to this moment, in one statement: sums by the hour, less what the platform's faults
// took, and what tasks have used since their last record. Reads no raw record but those of faulted tasks, so that a month
// of a busy tenant costs no more than its groups.
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { groupColumns, platformFaults } from './usage-groups.js';
import type { Segment } from './usage-sum.js';
import { type SummedUse, without } from './usage-sums.js';
import { cutsOf, groupFields, type SummedRow, toSummedUse } from './usage-sums.store.js';

export interface LiveUsage {
  readonly used: readonly SummedUse[];
  /** What would be used in an hour from now on, in the last segment. */
  readonly nextHour: readonly SummedUse[];
  readonly runningTasks: number;
}

interface LiveRow extends SummedRow {
  source: 'hours' | 'fault' | 'open' | 'now' | 'short';
}

const msPerHour = 3_600_000n;

@Injectable()
export class LiveUsageStore {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  /**
   * @param segments whole hours of the tenant's; the last one ends now
   * @param minimumMs one for each segment
   */
  async of(tenantId: string, segments: readonly Segment[], minimumMs: readonly number[]): Promise<LiveUsage> {
    const values = [tenantId, cutsOf(segments), platformFaults, minimumMs];
    const rows: LiveRow[] = await this.database.query(statement, values);
    const of = (source: LiveRow['source']) => rows.filter((row) => row.source === source);
    const faults = of('fault').map((row) => toSummedUse(row, segments, row.pull ? 'pull' : 'used'));
    const faultsByKey = new Map<string, SummedUse[]>();
    for (const fault of faults) faultsByKey.set(keyOf(fault), [...(faultsByKey.get(keyOf(fault)) ?? []), fault]);
    const summed = of('hours').map((row) => toSummedUse(row, segments, row.pull ? 'pull' : 'used'));
    const now = of('now');
    return {
      used: [
        ...summed.map((use) => (faultsByKey.get(keyOf(use)) ?? []).reduce(without, use)),
        ...faults,
        ...of('open').map((row) => toSummedUse(row, segments, 'used')),
        ...of('short').map((row) => toSummedUse(row, segments, 'minimum')),
      ],
      nextHour: now.map((row) => forAnHour(toSummedUse(row, segments, 'used'))),
      runningTasks: now.reduce((sum, { task_ms }) => sum + Number(task_ms), 0),
    };
  }
}

/** Rows of `now` hold sizes, not quantities. */
function forAnHour(use: SummedUse): SummedUse {
  return { ...use, taskMs: use.taskMs * msPerHour, cpu: use.cpu * msPerHour, memory: use.memory * msPerHour };
}

function keyOf({ group, isolation, capacityTier, diskMiB, gpus, addresses, purpose, segment }: SummedUse): string {
  return JSON.stringify([group, isolation, capacityTier, diskMiB, gpus, addresses, purpose, segment.fromMs]);
}

const cuts = '$2::timestamptz[]';
const begin = `(${cuts})[1]`;
const end = `(${cuts})[cardinality(${cuts})]`;
const last = `(cardinality(${cuts}) - 1)`;
const ms = (from: string, until: string) => `(extract(epoch FROM ${until} - ${from}) * 1000)::bigint`;
const pieceMs = (from: string, until: string) => ms(`greatest(${from}, (${cuts})[piece])`, `least(${until}, (${cuts})[piece + 1])`);
const pieces = (from: string, until: string) =>
  `generate_series(greatest(1, width_bucket(${from}, ${cuts})),
                   least(${last}, greatest(width_bucket(${from}, ${cuts}), width_bucket(${until} - interval '1 microsecond', ${cuts}))))`;

const statement = `
  WITH hours AS (
    SELECT group_id, width_bucket(hour, ${cuts}) AS piece, sum(task_ms) AS task_ms, sum(cpu) AS cpu, sum(memory) AS memory, sum(egress) AS egress
    FROM usage_hours WHERE tenant_id = $1 AND hour >= ${begin} AND hour < ${end} GROUP BY 1, 2
  ), faults AS (
    SELECT r.group_id, piece, t.stop_code AS fault, sum(${pieceMs('r.started_at', 'r.ended_at')}) AS task_ms,
           sum(CASE WHEN r.frozen THEN 0 ELSE r.cpu_millis * ${pieceMs('r.started_at', 'r.ended_at')} END) AS cpu,
           sum(r.memory_mib * ${pieceMs('r.started_at', 'r.ended_at')}) AS memory,
           sum(CASE WHEN piece = width_bucket(greatest(r.started_at, r.ended_at - interval '1 microsecond'), ${cuts}) THEN r.egress_bytes ELSE 0 END) AS egress
    FROM tasks t JOIN usage_records r ON r.task_id = t.id
    CROSS JOIN LATERAL ${pieces('r.started_at', 'r.ended_at')} AS piece
    WHERE t.tenant_id = $1 AND t.stop_code = ANY ($3::text[]) AND t.stopped_at >= ${begin} AND r.ended_at >= ${begin}
    GROUP BY 1, 2, 3
  ), live AS MATERIALIZED (
    SELECT t.task_definition_id, t.group_name, t.tags, t.submitted_by, t.needs, t.adjusted->>'frozen' AS frozen,
           coalesce((t.adjusted->>'cpuMillis')::int, t.cpu_millis) AS cpu, coalesce((t.adjusted->>'memoryMiB')::int, t.memory_mib) AS memory,
           greatest(u.recorded_until, t.started_at, ${begin}) AS since,
           least(${end}, CASE WHEN h.state <> 'active' THEN h.last_seen_at END) AS upto
    FROM tasks t LEFT JOIN usage_tasks u ON u.task_id = t.id LEFT JOIN hosts h ON h.id = t.host_id
    WHERE t.tenant_id = $1 AND t.state <> 'stopped' AND t.started_at IS NOT NULL
  ), open_sums AS (
    SELECT 'open' AS source, task_definition_id, group_name, tags, submitted_by, needs, piece, sum(${pieceMs('since', 'upto')}) AS task_ms,
           sum(CASE WHEN frozen = 'true' THEN 0 ELSE cpu * ${pieceMs('since', 'upto')} END) AS cpu, sum(memory * ${pieceMs('since', 'upto')}) AS memory
    FROM live CROSS JOIN LATERAL ${pieces('since', 'upto')} AS piece WHERE upto > since
    GROUP BY task_definition_id, group_name, tags, submitted_by, needs, piece
    UNION ALL
    SELECT 'now', task_definition_id, group_name, tags, submitted_by, needs, ${last}, count(*),
           sum(CASE WHEN frozen = 'true' THEN 0 ELSE cpu END), sum(memory)
    FROM live GROUP BY task_definition_id, group_name, tags, submitted_by, needs
  ), short AS (
    SELECT u.group_id, piece, sum(lack) AS task_ms, sum(lack * u.cpu_millis) AS cpu, sum(lack * u.memory_mib) AS memory
    FROM usage_tasks u JOIN tasks t ON t.id = u.task_id
    CROSS JOIN LATERAL width_bucket(u.recorded_until - interval '1 microsecond', ${cuts}) AS piece
    CROSS JOIN LATERAL (SELECT ($4::bigint[])[piece] - u.ran_ms AS lack) AS missing
    WHERE u.tenant_id = $1 AND 0 < ANY ($4::bigint[]) AND u.recorded_until > ${begin} AND u.recorded_until <= ${end} AND u.ran_ms > 0 AND lack > 0
      AND t.state = 'stopped' AND t.stop_code <> ALL ($3::text[])
    GROUP BY u.group_id, piece
  ), known AS (
    SELECT 'hours' AS source, group_id, piece, NULL AS fault, task_ms, cpu, memory, egress FROM hours
    UNION ALL SELECT 'fault', group_id, piece, fault, task_ms, cpu, memory, egress FROM faults
    UNION ALL SELECT 'short', group_id, piece, NULL, task_ms, cpu, memory, 0 FROM short
  )
  SELECT ${groupFields}, k.source, k.piece, k.fault, k.task_ms::text, k.cpu::text, k.memory::text, k.egress::text
  FROM known k JOIN usage_groups g ON g.id = k.group_id
  UNION ALL
  SELECT ${groupColumns}, false, t.source, t.piece, NULL, t.task_ms::text, t.cpu::text, t.memory::text, '0'
  FROM (SELECT $1::uuid AS tenant_id, * FROM open_sums) t JOIN task_definitions d ON d.id = t.task_definition_id`;
