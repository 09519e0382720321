// Sessions of people who have signed in: begun, listed, moved to another tenant, ended.
import { randomBytes, randomUUID } from 'node:crypto';
import { isId, type Login, type Role, type Session, type TenantId, type UserId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { ApiError, notFound } from '../errors.js';
import { Authenticator } from './authenticator.service.js';
import type { Caller } from './caller.js';
import { hashToken } from './credential.js';
import { Passwords } from './passwords.service.js';
import { formatSessionToken } from './session-token.js';
import { type SessionRow, SessionsStore } from './sessions.store.js';
import { type Membership, type User, UsersStore } from './users.store.js';

/** Where a request comes from. */
export interface From {
  readonly ip: string;
  readonly userAgent: string;
}

export interface Started {
  readonly session: Session & { readonly role: Role };
  readonly token: string;
  readonly user: User;
  readonly tenantId: TenantId | null;
}

@Injectable()
export class Sessions {
  constructor(
    @Inject(SessionsStore) private readonly store: SessionsStore,
    @Inject(UsersStore) private readonly users: UsersStore,
    @Inject(Passwords) private readonly passwords: Passwords,
    @Inject(Authenticator) private readonly authenticator: Authenticator,
  ) {}

  /** @throws ApiError login_throttled, bad_login, no_membership */
  async login({ email, password, tenant, transport }: Login, from: From): Promise<Started> {
    return this.start(await this.passwords.check(email, password, from.ip), tenant, transport, from);
  }

  /** For a user who was recognised. @param tenant as in the body of a login @throws ApiError no_membership */
  async start(user: User, tenant: string | null | undefined, transport: Session['transport'], from: From): Promise<Started> {
    const place = await this.placeOf(user, tenant);
    const token = formatSessionToken(randomBytes(32));
    const session = { id: randomUUID(), userId: user.id, tenantId: place.tenantId, hash: hashToken(token), transport, ...from };
    const row = await this.store.insert({ ...session, userAgent: from.userAgent.slice(0, 200) });
    return { session: { ...row, current: true, role: place.role }, token, user, tenantId: place.tenantId };
  }

  async list(caller: Caller): Promise<Session[]> {
    return (await this.store.list(userOf(caller))).map((row) => toSession(row, caller));
  }

  /** @param id or `current` @throws ApiError not_signed_in, not_found */
  async end(caller: Caller, id: string): Promise<Session> {
    const userId = userOf(caller);
    const wanted = id === 'current' ? caller.keyId : id;
    const ended = isId(wanted) ? await this.store.revoke(userId, wanted) : null;
    if (!ended) throw notFound('session', id);
    this.authenticator.forget();
    return toSession(ended, caller);
  }

  /** @throws ApiError not_signed_in, no_membership */
  async switchTo(caller: Caller, tenant: string | null): Promise<Session & { role: Role }> {
    const user = await this.users.find(userOf(caller));
    if (!user) throw new ApiError('unauthenticated');
    const place = await this.placeOf(user, tenant);
    await this.store.switchTo(caller.keyId, place.tenantId);
    this.authenticator.forget();
    const row = (await this.store.list(user.id)).find(({ id }) => id === caller.keyId);
    if (!row) throw new ApiError('unauthenticated');
    return { ...toSession(row, caller), role: place.role };
  }

  /** Ends the user's other sessions. @throws ApiError not_signed_in, login_throttled, bad_login */
  async changePassword(caller: Caller, current: string, next: string, ip: string): Promise<void> {
    userOf(caller);
    const user = await this.passwords.check(caller.name, current, ip);
    const hash = await this.passwords.hash(next);
    await this.users.transaction((manager) => this.users.setPassword(manager, user.id, hash, caller.keyId));
    this.authenticator.forget();
  }

  private async placeOf(user: User, tenant: string | null | undefined): Promise<{ tenantId: TenantId | null; role: Role }> {
    const memberships = await this.users.membershipsOf(user.id);
    const chosen = choosePlace(user, memberships, tenant);
    if (!chosen) throw new ApiError('no_membership', { email: user.email, tenant: placeName(tenant) });
    return chosen;
  }
}

function placeName(tenant: string | null | undefined): string {
  return tenant === null ? 'the platform’s operators' : (tenant ?? 'any tenant');
}

/** @returns null when the user has no place there. */
function choosePlace(user: User, memberships: readonly Membership[], tenant: string | null | undefined) {
  const asOperator = user.isOperator ? { tenantId: null, role: 'operator' as const } : null;
  if (tenant === null) return asOperator;
  if (tenant === undefined) return memberships[0] ?? asOperator;
  return memberships.find((one) => one.tenant === tenant) ?? null;
}

/** @throws ApiError not_signed_in */
export function userOf({ userId }: Caller): UserId {
  if (userId === null) throw new ApiError('not_signed_in', { what: 'sessions and no password' });
  return userId;
}

function toSession(row: SessionRow, { keyId }: Caller): Session {
  return { ...row, current: row.id === keyId };
}
