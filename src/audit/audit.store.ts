// SQL of the audit trail. What is written before a change goes over a connection of its own, which does not wait for the
// disk: PostgreSQL writes its log in order, so a change that is durable has the event before it durable, too.
import type { AuditEvent, AuditQuery } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import pg from 'pg';
import type { Logger } from 'pino';
import type { DataSource, EntityManager } from 'typeorm';
import type { Config } from '../config.js';
import { CONFIG, LOGGER } from '../db/db.module.js';
import { type AuditLink, type AuditRecord, type ChainHead, emptyChain, type Pending } from './audit-event.js';

export interface NewPending {
  readonly id: string;
  readonly record: AuditRecord;
  readonly finished: boolean;
}

export type StoredLink = AuditLink & { readonly hash: Buffer };

interface Row {
  chain: string;
  sequence: string;
  at: Date;
  actor_kind: AuditLink['actorKind'];
  actor_id: string | null;
  actor_name: string;
  action: string;
  target: string;
  detail: Record<string, unknown>;
  outcome: AuditEvent['outcome'];
  status: number | null;
  count: number;
  ip: string;
  request_id: string;
  hash: Buffer;
}

const chainLock = 7_070_708;
/** No request takes so long, but for a copy of many files. */
const givenUpAfter = '15 minutes';

@Injectable()
export class AuditStore {
  private readonly lane: pg.Pool;

  constructor(
    @InjectDataSource() private readonly database: DataSource,
    @Inject(CONFIG) config: Config,
    @Inject(LOGGER) logger: Logger,
  ) {
    this.lane = new pg.Pool({
      connectionString: config.databaseUrl,
      max: 1,
      application_name: 'berth-audit',
      options: '-c synchronous_commit=off',
      connectionTimeoutMillis: 5_000,
      statement_timeout: 10_000,
    });
    this.lane.on('error', (err) => logger.warn({ err }, 'the connection of the audit trail broke'));
  }

  /** After the last event. */
  async close(): Promise<void> {
    await this.lane.end();
  }

  async insertPending(events: readonly NewPending[]): Promise<void> {
    await this.lane.query(
      `INSERT INTO audit_pending (id, at, event, finished)
       SELECT id, date_trunc('milliseconds', clock_timestamp()), event, finished
       FROM unnest($1::uuid[], $2::jsonb[], $3::boolean[]) AS new (id, event, finished)`,
      [events.map(({ id }) => id), events.map(({ record }) => JSON.stringify(record)), events.map(({ finished }) => finished)],
    );
  }

  async finish(events: readonly { readonly id: string; readonly record: AuditRecord }[]): Promise<void> {
    await this.lane.query(
      `UPDATE audit_pending p SET finished = true, event = done.event
       FROM unnest($1::uuid[], $2::jsonb[]) AS done (id, event) WHERE p.id = done.id`,
      [events.map(({ id }) => id), events.map(({ record }) => JSON.stringify(record))],
    );
  }

  /**
   * Takes what is over out of the waiting room and into the chains, in one transaction, while nobody else does.
   * @param append makes the links, and knows nothing of the database
   * @returns how many were taken, at most `limit`
   */
  chain(limit: number, append: (heads: Map<string, ChainHead>, pending: readonly Pending[]) => { link: AuditLink; hash: Buffer }[]) {
    return this.database.transaction(async (manager) => {
      await manager.query('SELECT pg_advisory_xact_lock($1)', [chainLock]);
      const taken: { id: string; at: Date; event: AuditRecord }[] = await manager.query(
        `SELECT id, at, event FROM audit_pending WHERE finished OR at < now() - interval '${givenUpAfter}' ORDER BY at, id LIMIT $1`,
        [limit],
      );
      if (taken.length === 0) return 0;
      const heads = await headsOf(manager, [...new Set(taken.flatMap(({ event }) => event.chains))]);
      const links = append(
        heads,
        taken.map(({ at, event }) => ({ at, record: event })),
      );
      await insertLinks(manager, links);
      await manager.query('DELETE FROM audit_pending WHERE id = ANY($1::uuid[])', [taken.map(({ id }) => id)]);
      return taken.length;
    });
  }

  /** Newest first, before `beforeSequence`. */
  async list(chain: string, query: AuditQuery, beforeSequence: string | null, limit: number): Promise<StoredLink[]> {
    const rows: Row[] = await this.database.query(
      `SELECT * FROM audit_events
       WHERE chain = $1 AND ($2::bigint IS NULL OR sequence < $2) AND ($3::text IS NULL OR action = $3)
         AND ($4::text IS NULL OR outcome = $4) AND ($5::timestamptz IS NULL OR at >= $5)
       ORDER BY sequence DESC LIMIT $6`,
      [chain, beforeSequence, query.action ?? null, query.outcome ?? null, query.since ?? null, limit],
    );
    return rows.map(toLink);
  }

  /** Oldest first, after `afterSequence`. */
  async page(chain: string, afterSequence: number, limit: number): Promise<StoredLink[]> {
    const rows: Row[] = await this.database.query(
      'SELECT * FROM audit_events WHERE chain = $1 AND sequence > $2 ORDER BY sequence LIMIT $3',
      [chain, afterSequence, limit],
    );
    return rows.map(toLink);
  }
}

async function headsOf(manager: EntityManager, chains: readonly string[]): Promise<Map<string, ChainHead>> {
  const rows: { chain: string; sequence: string | null; hash: Buffer }[] = await manager.query(
    `SELECT c.chain, last.sequence, last.hash FROM unnest($1::uuid[]) AS c (chain)
     LEFT JOIN LATERAL (SELECT sequence, hash FROM audit_events e WHERE e.chain = c.chain ORDER BY sequence DESC LIMIT 1) last ON true`,
    [chains],
  );
  return new Map(rows.map(({ chain, sequence, hash }) => [chain, sequence === null ? emptyChain : { sequence: Number(sequence), hash }]));
}

async function insertLinks(manager: EntityManager, links: readonly { link: AuditLink; hash: Buffer }[]): Promise<void> {
  const rows = links.map(({ link: { at, ...link }, hash }) => ({ ...link, at: at.toISOString(), hash: hash.toString('hex') }));
  await manager.query(
    `INSERT INTO audit_events (chain, sequence, at, actor_kind, actor_id, actor_name, action, target, detail, outcome, status, count, ip, request_id, hash)
     SELECT chain, sequence, at, "actorKind", "actorId", "actorName", action, target, detail, outcome, status, count, ip, "requestId", decode(hash, 'hex')
     FROM jsonb_to_recordset($1::jsonb) AS new (chain uuid, sequence bigint, at timestamptz, "actorKind" text, "actorId" text, "actorName" text,
       action text, target text, detail jsonb, outcome text, status int, count int, ip text, "requestId" text, hash text)`,
    [JSON.stringify(rows)],
  );
}

function toLink(row: Row): StoredLink {
  const { chain, at, action, target, detail, outcome, status, count, ip, hash } = row;
  return {
    ...{ chain, at, action, target, detail, outcome, status, count, ip, hash },
    sequence: Number(row.sequence),
    actorKind: row.actor_kind,
    actorId: row.actor_id,
    actorName: row.actor_name,
    requestId: row.request_id,
  };
}
