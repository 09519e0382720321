// SQL that sums a tenant's usage from the raw records: what invoices are made of. One row for each group and segment comes
// out, however many records went in.
import type { StopCode } from '@berth/contract';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { canonicalJson } from '../tasks/canonical-json.js';
import { platformFaults } from './usage-groups.js';
import type { Segment, UsageSum } from './usage-sum.js';
import type { SummedUse } from './usage-sums.js';

/** In which period, cut where (segments.ts), and the facts up to which number: null for all. */
export interface Asked {
  readonly tenantId: string;
  readonly segments: readonly Segment[];
  readonly counted: string | null;
}

export interface SummedRow {
  tenant_id: string;
  definition: string | null;
  group_name: string | null;
  tags: object;
  user_or_key: string | null;
  isolation: SummedUse['isolation'];
  capacity_tier: SummedUse['capacityTier'];
  disk_mib: number;
  gpus: number;
  addresses: number;
  pull: boolean;
  fault: StopCode | null;
  piece: number;
  task_ms: string;
  cpu: string;
  memory: string;
  egress: string;
}

/** Of `usage_groups g`. */
export const groupFields =
  'g.tenant_id, g.definition, g.group_name, g.tags, g.user_or_key, g.isolation, g.capacity_tier, g.disk_mib, g.gpus, g.addresses, g.pull';

@Injectable()
export class UsageSumsStore {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  async used({ tenantId, segments, counted }: Asked): Promise<SummedUse[]> {
    const rows: SummedRow[] = await this.database.query(usedStatement, [tenantId, cutsOf(segments), counted, platformFaults]);
    return rows.map((row) => toSummedUse(row, segments, row.pull ? 'pull' : 'used'));
  }

  /** What tasks that ended in a segment lack to its shortest time. @param minimumMs one for each segment */
  async missing({ tenantId, segments, counted }: Asked, minimumMs: readonly number[]): Promise<SummedUse[]> {
    if (minimumMs.every((ms) => ms === 0)) return [];
    const values = [tenantId, cutsOf(segments), counted, platformFaults, minimumMs];
    const rows: SummedRow[] = await this.database.query(missingStatement, values);
    return rows.map((row) => toSummedUse(row, segments, 'minimum'));
  }

  /** Volumes count from when they are made until they are deleted, used or not. */
  async volumes({ tenantId, segments }: Omit<Asked, 'counted'>): Promise<UsageSum[]> {
    const rows: { piece: number; quantity: string }[] = await this.database.query(volumesStatement, [tenantId, cutsOf(segments)]);
    return rows.map(({ piece, quantity }) => ({
      tenantId,
      dimension: 'volume',
      isolation: 'container',
      capacityTier: 'flex',
      group: { definition: null, group: null, tags: '{}', userOrKey: null },
      segment: segments[piece - 1] as Segment,
      quantity: BigInt(quantity),
      purpose: 'used',
      fault: null,
    }));
  }
}

/** The edges of segments, which abut. */
export function cutsOf(segments: readonly Segment[]): string[] {
  const last = segments.at(-1);
  return [...segments.map(({ fromMs }) => fromMs), ...(last ? [last.untilMs] : [])].map((ms) => new Date(ms).toISOString());
}

export function toSummedUse(row: SummedRow, segments: readonly Segment[], purpose: UsageSum['purpose']): SummedUse {
  return {
    tenantId: row.tenant_id,
    group: { definition: row.definition, group: row.group_name, tags: canonicalJson(row.tags), userOrKey: row.user_or_key },
    isolation: row.isolation,
    capacityTier: row.capacity_tier,
    diskMiB: row.disk_mib,
    gpus: row.gpus,
    addresses: row.addresses,
    purpose,
    fault: row.fault,
    segment: segments[row.piece - 1] as Segment,
    taskMs: BigInt(row.task_ms),
    cpu: BigInt(row.cpu),
    memory: BigInt(row.memory),
    egress: BigInt(row.egress),
  };
}

// Piece n lies between cut n and n + 1. Bytes belong to the piece in which their record ends.
const firstPiece = 'width_bucket(r.started_at, $2::timestamptz[])';
const lastPiece = `greatest(${firstPiece}, width_bucket(r.ended_at - interval '1 microsecond', $2::timestamptz[]))`;
const pieces = `generate_series(greatest(1, ${firstPiece}), least(cardinality($2::timestamptz[]) - 1, ${lastPiece}))`;
const pieceMs = `(extract(epoch FROM least(r.ended_at, ($2::timestamptz[])[piece + 1]) - greatest(r.started_at, ($2::timestamptz[])[piece])) * 1000)::bigint`;
const inPeriod = 'r.ended_at >= ($2::timestamptz[])[1] AND r.started_at < ($2::timestamptz[])[cardinality($2::timestamptz[])]';
const known = '($3::bigint IS NULL OR r.received <= $3)';
const stopKnown = '($3::bigint IS NULL OR t.stop_received <= $3)';

const usedStatement = `
  WITH sums AS (
    SELECT r.group_id, piece, CASE WHEN t.stop_code = ANY ($4::text[]) AND ${stopKnown} THEN t.stop_code END AS fault,
           sum(${pieceMs}) AS task_ms, sum(CASE WHEN r.frozen THEN 0 ELSE r.cpu_millis * ${pieceMs} END) AS cpu,
           sum(r.memory_mib * ${pieceMs}) AS memory, sum(CASE WHEN piece = ${lastPiece} THEN r.egress_bytes ELSE 0 END) AS egress
    FROM usage_records r JOIN tasks t ON t.id = r.task_id CROSS JOIN LATERAL ${pieces} AS piece
    WHERE r.tenant_id = $1 AND ${inPeriod} AND ${known}
    GROUP BY 1, 2, 3
  )
  SELECT ${groupFields}, s.piece, s.fault, s.task_ms::text, s.cpu::text, s.memory::text, s.egress::text
  FROM sums s JOIN usage_groups g ON g.id = s.group_id`;

const missingStatement = `
  WITH ended AS (
    SELECT r.task_id, max(r.ended_at) AS ended_at, sum((extract(epoch FROM r.ended_at - r.started_at) * 1000)::bigint) AS ran_ms,
           (array_agg(r.group_id ORDER BY r.sequence DESC))[1] AS group_id, (array_agg(r.cpu_millis ORDER BY r.sequence DESC))[1] AS cpu_millis,
           (array_agg(r.memory_mib ORDER BY r.sequence DESC))[1] AS memory_mib
    FROM usage_records r
    WHERE NOT r.pull AND ${known} AND r.task_id IN (
      SELECT r.task_id FROM usage_records r JOIN tasks t ON t.id = r.task_id
      WHERE r.tenant_id = $1 AND ${inPeriod} AND ${known} AND t.state = 'stopped' AND ${stopKnown} AND t.stop_code <> ALL ($4::text[]))
    GROUP BY r.task_id
  ), short AS (
    SELECT *, ($5::bigint[])[piece] - ran_ms AS lack
    FROM ended CROSS JOIN LATERAL width_bucket(ended_at - interval '1 microsecond', $2::timestamptz[]) AS piece
    WHERE piece BETWEEN 1 AND cardinality($2::timestamptz[]) - 1 AND ran_ms < ($5::bigint[])[piece]
  )
  SELECT ${groupFields}, s.piece, NULL AS fault, sum(s.lack)::text AS task_ms, sum(s.lack * s.cpu_millis)::text AS cpu,
         sum(s.lack * s.memory_mib)::text AS memory, '0' AS egress
  FROM short s JOIN usage_groups g ON g.id = s.group_id GROUP BY g.id, s.piece`;

const volumesStatement = `
  SELECT piece, sum(v.size_mib * ms)::text AS quantity
  FROM volumes v
  CROSS JOIN generate_series(1, cardinality($2::timestamptz[]) - 1) AS piece
  CROSS JOIN LATERAL (SELECT (extract(epoch FROM date_trunc('milliseconds', least(coalesce(v.deleted_at, 'infinity'), ($2::timestamptz[])[piece + 1]))
    - date_trunc('milliseconds', greatest(v.created_at, ($2::timestamptz[])[piece]))) * 1000)::bigint AS ms) AS time
  WHERE v.tenant_id = $1 AND ms > 0 GROUP BY piece`;
