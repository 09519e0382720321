// SQL of users, their memberships and invitations.
import type { Invitation, Member, Role, TenantId, tenantRoles, UserId } from '@berth/contract';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';

type TenantRole = (typeof tenantRoles)[number];

export interface User {
  readonly id: UserId;
  readonly email: string;
  readonly name: string;
  readonly passwordHash: string | null;
  readonly isOperator: boolean;
}

export interface Membership {
  readonly tenantId: TenantId;
  readonly tenant: string;
  readonly role: TenantRole;
}

export interface NewInvitation {
  readonly id: string;
  readonly tenantId: TenantId | null;
  readonly email: string;
  readonly role: Role;
  readonly tokenHash: Buffer;
  readonly invitedBy: string;
  readonly setsPassword: boolean;
  readonly validForSeconds: number;
}

export interface OpenInvitation extends Pick<NewInvitation, 'id' | 'tenantId' | 'email' | 'role' | 'setsPassword'> {}

const userColumns = 'id, email, name, password_hash, is_operator';
const invitationColumns = 'id, email, role, invited_by, created_at, expires_at, accepted_at';

@Injectable()
export class UsersStore {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  transaction<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return this.database.transaction(work);
  }

  async findByEmail(email: string, runner: EntityManager | DataSource = this.database): Promise<User | null> {
    const [row] = await runner.query(`SELECT ${userColumns} FROM users WHERE email = $1`, [email]);
    return row ? toUser(row) : null;
  }

  async find(id: UserId): Promise<User | null> {
    const [row] = await this.database.query(`SELECT ${userColumns} FROM users WHERE id = $1`, [id]);
    return row ? toUser(row) : null;
  }

  async findByIdentity(manager: EntityManager, issuer: string, subject: string): Promise<User | null> {
    const [row] = await manager.query(`SELECT ${userColumns} FROM users WHERE oidc_issuer = $1 AND oidc_subject = $2`, [issuer, subject]);
    return row ? toUser(row) : null;
  }

  /** @returns null when there is a user with this address. */
  async insert(manager: EntityManager, user: Pick<User, 'id' | 'email' | 'name' | 'passwordHash'>): Promise<User | null> {
    const [row] = await manager.query(
      `INSERT INTO users (id, email, name, password_hash) VALUES ($1, $2, $3, $4) ON CONFLICT (email) DO NOTHING RETURNING ${userColumns}`,
      [user.id, user.email, user.name, user.passwordHash],
    );
    return row ? toUser(row) : null;
  }

  /** Whoever was signed in by the old password is not any more. */
  async setPassword(manager: EntityManager, id: UserId, hash: string | null, exceptSession: string | null = null): Promise<void> {
    await manager.query(
      `WITH changed AS (UPDATE users SET password_hash = $2 WHERE id = $1)
       UPDATE sessions SET revoked_at = now() WHERE user_id = $1 AND revoked_at IS NULL AND ($3::uuid IS NULL OR id <> $3)`,
      [id, hash, exceptSession],
    );
  }

  async setIdentity(manager: EntityManager, id: UserId, issuer: string, subject: string): Promise<void> {
    await manager.query('UPDATE users SET oidc_issuer = $2, oidc_subject = $3 WHERE id = $1', [id, issuer, subject]);
  }

  /** By the tenant's name. */
  async membershipsOf(id: UserId): Promise<Membership[]> {
    return this.database.query(
      `SELECT m.tenant_id AS "tenantId", t.name AS tenant, m.role FROM memberships m JOIN tenants t ON t.id = m.tenant_id
       WHERE m.user_id = $1 ORDER BY t.name`,
      [id],
    );
  }

  /** A role of before is replaced. */
  async addMember(manager: EntityManager, tenantId: TenantId, id: UserId, role: Role): Promise<void> {
    await manager.query(
      `INSERT INTO memberships (tenant_id, user_id, role) VALUES ($1, $2, $3)
       ON CONFLICT (tenant_id, user_id) DO UPDATE SET role = excluded.role`,
      [tenantId, id, role],
    );
  }

  async setOperator(manager: EntityManager | null, id: UserId, isOperator: boolean): Promise<void> {
    await (manager ?? this.database).query('UPDATE users SET is_operator = $2 WHERE id = $1', [id, isOperator]);
  }

  /** By e-mail address, after `afterEmail`. */
  async listMembers(tenantId: TenantId, afterEmail: string | null, limit: number): Promise<Member[]> {
    const rows = await this.database.query(
      `SELECT u.id, u.email, u.name, m.role, m.created_at AS joined_at, u.last_login_at
       FROM memberships m JOIN users u ON u.id = m.user_id WHERE m.tenant_id = $1 AND ($2::text IS NULL OR u.email > $2)
       ORDER BY u.email LIMIT $3`,
      [tenantId, afterEmail, limit],
    );
    return rows.map(toMember);
  }

  async listOperators(): Promise<Member[]> {
    const rows = await this.database.query(
      `SELECT id, email, name, 'operator' AS role, created_at AS joined_at, last_login_at FROM users WHERE is_operator ORDER BY email LIMIT 500`,
    );
    return rows.map(toMember);
  }

  /** All of the tenant's members wait for each other here: of two last owners one stays. */
  async lockMembers(manager: EntityManager, tenantId: TenantId): Promise<readonly { userId: UserId; role: TenantRole; email: string }[]> {
    return manager.query(
      `SELECT m.user_id AS "userId", m.role, u.email FROM memberships m JOIN users u ON u.id = m.user_id
       WHERE m.tenant_id = $1 ORDER BY m.user_id FOR UPDATE OF m`,
      [tenantId],
    );
  }

  async setRole(manager: EntityManager, tenantId: TenantId, id: UserId, role: TenantRole): Promise<Member> {
    const [rows] = await manager.query(
      `UPDATE memberships m SET role = $3 FROM users u WHERE u.id = m.user_id AND m.tenant_id = $1 AND m.user_id = $2
       RETURNING u.id, u.email, u.name, m.role, m.created_at AS joined_at, u.last_login_at`,
      [tenantId, id, role],
    );
    return toMember(rows[0]);
  }

  async removeMember(manager: EntityManager, tenantId: TenantId, id: UserId): Promise<Member> {
    const [rows] = await manager.query(
      `DELETE FROM memberships m USING users u WHERE u.id = m.user_id AND m.tenant_id = $1 AND m.user_id = $2
       RETURNING u.id, u.email, u.name, m.role, m.created_at AS joined_at, u.last_login_at`,
      [tenantId, id],
    );
    return toMember(rows[0]);
  }

  async insertInvitation(invitation: NewInvitation): Promise<Invitation> {
    const { id, tenantId, email, role, tokenHash, invitedBy, setsPassword, validForSeconds } = invitation;
    const [row] = await this.database.query(
      `INSERT INTO invitations (id, tenant_id, email, role, token_hash, invited_by, sets_password, expires_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, now() + $8::int * interval '1 second') RETURNING ${invitationColumns}`,
      [id, tenantId, email, role, tokenHash, invitedBy, setsPassword, validForSeconds],
    );
    return toInvitation(row);
  }

  /** Oldest first; accepted ones too. */
  async listInvitations(tenantId: TenantId, afterId: string | null, limit: number): Promise<Invitation[]> {
    const rows = await this.database.query(
      `SELECT ${invitationColumns} FROM invitations
       WHERE tenant_id = $1 AND ($2::uuid IS NULL OR (created_at, id) > (SELECT created_at, id FROM invitations WHERE id = $2))
       ORDER BY created_at, id LIMIT $3`,
      [tenantId, afterId, limit],
    );
    return rows.map(toInvitation);
  }

  /** @returns null when there is no such invitation, or it was accepted. */
  async deleteInvitation(tenantId: TenantId, id: string): Promise<Invitation | null> {
    const [rows] = await this.database.query(
      `DELETE FROM invitations WHERE tenant_id = $1 AND id = $2 AND accepted_at IS NULL RETURNING ${invitationColumns}`,
      [tenantId, id],
    );
    return rows[0] ? toInvitation(rows[0]) : null;
  }

  async findOpenInvitation(tokenHash: Buffer): Promise<OpenInvitation | null> {
    const rows = await this.database.query(
      `SELECT id, tenant_id AS "tenantId", email, role, sets_password AS "setsPassword" FROM invitations
       WHERE token_hash = $1 AND accepted_at IS NULL AND expires_at > now()`,
      [tokenHash],
    );
    return rows[0] ?? null;
  }

  /** @returns false when somebody was faster. */
  async takeInvitation(manager: EntityManager, id: string): Promise<boolean> {
    const [, count] = await manager.query(
      'UPDATE invitations SET accepted_at = now() WHERE id = $1 AND accepted_at IS NULL AND expires_at > now()',
      [id],
    );
    return count === 1;
  }

  /** All that are open for an address of which somebody trusted said whose it is. */
  async takeInvitationsOf(manager: EntityManager, email: string): Promise<OpenInvitation[]> {
    const [rows] = await manager.query(
      `UPDATE invitations SET accepted_at = now() WHERE email = $1 AND accepted_at IS NULL AND expires_at > now()
       RETURNING id, tenant_id AS "tenantId", email, role, sets_password AS "setsPassword"`,
      [email],
    );
    return rows;
  }
}

function toUser(row: { id: UserId; email: string; name: string; password_hash: string | null; is_operator: boolean }): User {
  return { id: row.id, email: row.email, name: row.name, passwordHash: row.password_hash, isOperator: row.is_operator };
}

function toMember(row: { id: string; email: string; name: string; role: Role; joined_at: Date; last_login_at: Date | null }): Member {
  const { id, email, name, role } = row;
  return { id, email, name, role, joinedAt: row.joined_at.toISOString(), lastLoginAt: row.last_login_at?.toISOString() ?? null };
}

function toInvitation(row: {
  id: string;
  email: string;
  role: Role;
  invited_by: string;
  created_at: Date;
  expires_at: Date;
  accepted_at: Date | null;
}): Invitation {
  return {
    id: row.id,
    email: row.email,
    role: row.role,
    invitedBy: row.invited_by,
    createdAt: row.created_at.toISOString(),
    expiresAt: row.expires_at.toISOString(),
    acceptedAt: row.accepted_at?.toISOString() ?? null,
  };
}
