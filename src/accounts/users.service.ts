// Users of a tenant: who is invited, who has come, and in which role. A person becomes a member by holding the invitation's
// token: an address alone proves nothing, since whoever came first may have made a user of somebody else's.
import { randomBytes, randomUUID } from 'node:crypto';
import {
  type AcceptInvitation,
  type CreatedInvitation,
  type Invitation,
  isId,
  type Member,
  newPasswordSchema,
  type PageQuery,
  type Role,
  type TenantId,
  type tenantRoles,
  type UserId,
} from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { ApiError, notFound } from '../errors.js';
import { badCursor, decodeCursor, type Page, pageOf } from '../http/cursor.js';
import { Authenticator } from './authenticator.service.js';
import type { Caller } from './caller.js';
import { hashToken } from './credential.js';
import { Passwords } from './passwords.service.js';
import { type OpenInvitation, type User, UsersStore } from './users.store.js';

type TenantRole = (typeof tenantRoles)[number];

@Injectable()
export class Users {
  constructor(
    @Inject(UsersStore) private readonly store: UsersStore,
    @Inject(Passwords) private readonly passwords: Passwords,
    @Inject(Authenticator) private readonly authenticator: Authenticator,
  ) {}

  /** @param tenantId null: to be an operator */
  async invite(
    tenantId: TenantId | null,
    by: Caller,
    wanted: { email: string; role: Role; validForSeconds: number },
  ): Promise<CreatedInvitation> {
    const token = randomBytes(32).toString('base64url');
    const invitation = await this.store.insertInvitation({
      ...wanted,
      id: randomUUID(),
      tenantId,
      tokenHash: hashToken(token),
      invitedBy: by.name,
      setsPassword: by.role === 'operator',
    });
    return { ...invitation, token };
  }

  async listInvitations(tenantId: TenantId, { limit, cursor }: PageQuery): Promise<Page<Invitation>> {
    const after = cursor === undefined ? null : (decodeCursor(cursor, 'invitations', 1)[0] ?? null);
    if (after && !isId(after)) throw badCursor();
    return pageOf(await this.store.listInvitations(tenantId, after, limit + 1), limit, 'invitations', ({ id }) => [id]);
  }

  /** @throws ApiError not_found, also when it was accepted */
  async withdraw(tenantId: TenantId, id: string): Promise<Invitation> {
    const invitation = isId(id) ? await this.store.deleteInvitation(tenantId, id) : null;
    if (!invitation) throw notFound('invitation', id);
    return invitation;
  }

  /**
   * Makes the user if there is none with the address; one that there is shows the password, unless an operator invited.
   * @throws ApiError login_throttled, bad_invitation, bad_login, invalid_request for a new password that is too short
   */
  async accept({ token, password, name }: AcceptInvitation, ip: string): Promise<{ user: User; invitation: OpenInvitation }> {
    await this.passwords.spendGuess(ip);
    const invitation = await this.store.findOpenInvitation(hashToken(token));
    if (!invitation) throw new ApiError('bad_invitation');
    const before = await this.store.findByEmail(invitation.email);
    if (before && !invitation.setsPassword) await this.passwords.check(invitation.email, password, ip);
    const hash = before && !invitation.setsPassword ? null : await this.passwords.hash(newPassword(password));
    const user = await this.store.transaction(async (manager) => {
      if (!(await this.store.takeInvitation(manager, invitation.id))) throw new ApiError('bad_invitation');
      const taker = before ?? (await this.make(manager, invitation.email, name, hash));
      if (before && hash !== null) await this.store.setPassword(manager, before.id, hash);
      await this.join(manager, taker, invitation);
      return taker;
    });
    this.authenticator.forget();
    return { user, invitation };
  }

  /** Part of a transaction that has taken the invitation. */
  async join(manager: EntityManager, user: User, { tenantId, role }: OpenInvitation): Promise<void> {
    if (tenantId === null) await this.store.setOperator(manager, user.id, true);
    else await this.store.addMember(manager, tenantId, user.id, role);
  }

  async listMembers(tenantId: TenantId, { limit, cursor }: PageQuery): Promise<Page<Member>> {
    const after = cursor === undefined ? null : (decodeCursor(cursor, 'users', 1)[0] ?? null);
    return pageOf(await this.store.listMembers(tenantId, after, limit + 1), limit, 'users', ({ email }) => [email]);
  }

  /** @throws ApiError not_found, last_owner */
  async setRole(tenantId: TenantId, id: string, role: TenantRole): Promise<Member> {
    return this.changeMember(tenantId, id, role === 'owner', (manager, userId) => this.store.setRole(manager, tenantId, userId, role));
  }

  /** The user's sessions in this tenant are over. @throws ApiError not_found, last_owner */
  async remove(tenantId: TenantId, id: string): Promise<Member> {
    return this.changeMember(tenantId, id, false, (manager, userId) => this.store.removeMember(manager, tenantId, userId));
  }

  listOperators(): Promise<Member[]> {
    return this.store.listOperators();
  }

  /** The user stays, and so do memberships. @throws ApiError not_found */
  async removeOperator(id: string): Promise<Member> {
    const operator = (await this.store.listOperators()).find((one) => one.id === id);
    if (!operator) throw notFound('operator', id);
    await this.store.setOperator(null, operator.id as UserId, false);
    this.authenticator.forget();
    return operator;
  }

  private async changeMember(
    tenantId: TenantId,
    id: string,
    staysOwner: boolean,
    change: (manager: EntityManager, userId: UserId) => Promise<Member>,
  ): Promise<Member> {
    const changed = await this.store.transaction(async (manager) => {
      const members = await this.store.lockMembers(manager, tenantId);
      const member = members.find(({ userId }) => userId === id);
      if (!member) throw notFound('user', id);
      const owners = members.filter(({ role }) => role === 'owner');
      if (!staysOwner && owners.length === 1 && owners[0] === member) throw new ApiError('last_owner', { email: member.email });
      return change(manager, member.userId);
    });
    this.authenticator.forget();
    return changed;
  }

  private async make(manager: EntityManager, email: string, name: string | undefined, passwordHash: string | null): Promise<User> {
    const user = await this.store.insert(manager, {
      id: randomUUID() as string as UserId,
      email,
      name: name ?? nameOf(email),
      passwordHash,
    });
    // Somebody was made with this address a moment ago: another try finds them.
    if (!user) throw new ApiError('bad_login');
    return user;
  }
}

export function nameOf(email: string): string {
  return email.split('@')[0] ?? email;
}

function newPassword(password: string): string {
  const parsed = newPasswordSchema.safeParse(password);
  if (parsed.success) return parsed.data;
  throw new ApiError('invalid_request', { detail: 'password must have at least 12 characters.' }, { field: 'password' });
}
