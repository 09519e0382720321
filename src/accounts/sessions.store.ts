// SQL of users' sessions. What a session may do is looked up with it, so that who is no member any more has none.
import { type Session, sessionLimits, type TenantId, type UserId } from '@berth/contract';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import type { Caller } from './caller.js';

export interface NewSession {
  readonly id: string;
  readonly userId: UserId;
  readonly tenantId: TenantId | null;
  readonly hash: Buffer;
  readonly transport: 'cookie' | 'bearer';
  readonly ip: string;
  readonly userAgent: string;
}

export type SessionRow = Omit<Session, 'current'>;

const isOpen = `s.revoked_at IS NULL AND s.expires_at > now() AND s.last_seen_at > now() - interval '${sessionLimits.idleSeconds} seconds'`;
const columns = 's.id, t.name AS tenant, s.transport, s.ip, s.user_agent, s.created_at, s.last_seen_at, s.expires_at';

@Injectable()
export class SessionsStore {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  async insert(session: NewSession): Promise<SessionRow> {
    const [row] = await this.database.query(
      `WITH s AS (
         INSERT INTO sessions (id, user_id, tenant_id, token_hash, transport, ip, user_agent, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, now() + interval '${sessionLimits.seconds} seconds') RETURNING *
       ), seen AS (UPDATE users SET last_login_at = now() WHERE id = $2)
       SELECT ${columns} FROM s LEFT JOIN tenants t ON t.id = s.tenant_id`,
      [session.id, session.userId, session.tenantId, session.hash, session.transport, session.ip, session.userAgent],
    );
    return toRow(row);
  }

  /** Who the open session with this token acts for. */
  async findCaller(hash: Buffer, transport: 'cookie' | 'bearer'): Promise<Caller | null> {
    const [row] = await this.database.query(
      `SELECT s.id, s.user_id, s.tenant_id, s.expires_at, u.email,
              CASE WHEN s.tenant_id IS NOT NULL THEN m.role WHEN u.is_operator THEN 'operator' END AS role,
              (SELECT allowed::int FROM quotas q WHERE (q.tenant_id = s.tenant_id OR q.tenant_id IS NULL) AND q.name = 'requestsPerSecond'
               ORDER BY q.tenant_id NULLS LAST LIMIT 1) AS requests_per_second
       FROM sessions s JOIN users u ON u.id = s.user_id
       LEFT JOIN memberships m ON m.tenant_id = s.tenant_id AND m.user_id = s.user_id
       WHERE s.token_hash = $1 AND s.transport = $2 AND ${isOpen}`,
      [hash, transport],
    );
    if (!row?.role) return null;
    return {
      tenantId: row.tenant_id,
      keyId: row.id,
      role: row.role,
      scopes: null,
      name: row.email,
      userId: row.user_id,
      submitter: row.user_id,
      expiresAt: row.expires_at,
      requestsPerSecond: row.requests_per_second,
    };
  }

  /** The user's open ones, newest first. */
  async list(userId: UserId): Promise<SessionRow[]> {
    const rows = await this.database.query(
      `SELECT ${columns} FROM sessions s LEFT JOIN tenants t ON t.id = s.tenant_id WHERE s.user_id = $1 AND ${isOpen}
       ORDER BY s.created_at DESC, s.id LIMIT 100`,
      [userId],
    );
    return rows.map(toRow);
  }

  /** @returns null when the user has no such open session. */
  async revoke(userId: UserId, id: string): Promise<SessionRow | null> {
    const [rows] = await this.database.query(
      `UPDATE sessions s SET revoked_at = now() FROM sessions o LEFT JOIN tenants t ON t.id = o.tenant_id
       WHERE o.id = s.id AND s.user_id = $1 AND s.id = $2 AND ${isOpen} RETURNING ${columns}`,
      [userId, id],
    );
    return rows[0] ? toRow(rows[0]) : null;
  }

  /** All of the user's, but for one. */
  async revokeOthers(userId: UserId, exceptId: string): Promise<void> {
    await this.database.query('UPDATE sessions SET revoked_at = now() WHERE user_id = $1 AND id <> $2 AND revoked_at IS NULL', [
      userId,
      exceptId,
    ]);
  }

  async switchTo(id: string, tenantId: TenantId | null): Promise<void> {
    await this.database.query('UPDATE sessions SET tenant_id = $2 WHERE id = $1', [id, tenantId]);
  }

  async noteUses(uses: ReadonlyMap<string, Date>): Promise<void> {
    await this.database.query(
      `UPDATE sessions s SET last_seen_at = greatest(last_seen_at, used.at)
       FROM unnest($1::uuid[], $2::timestamptz[]) AS used (id, at) WHERE s.id = used.id`,
      [[...uses.keys()], [...uses.values()]],
    );
  }
}

function toRow(row: {
  id: string;
  tenant: string | null;
  transport: 'cookie' | 'bearer';
  ip: string;
  user_agent: string;
  created_at: Date;
  last_seen_at: Date;
  expires_at: Date;
}): SessionRow {
  const { id, tenant, transport, ip } = row;
  return {
    ...{ id, tenant, transport, ip },
    userAgent: row.user_agent,
    createdAt: row.created_at.toISOString(),
    lastSeenAt: row.last_seen_at.toISOString(),
    expiresAt: row.expires_at.toISOString(),
  };
}
