// From a person whom the identity provider knows to a user of ours, with a session.
import { randomUUID } from 'node:crypto';
import type { UserId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { ApiError } from '../errors.js';
import type { Person } from './oidc.service.js';
import { type From, Sessions, type Started } from './sessions.service.js';
import { nameOf, Users } from './users.service.js';
import { type User, UsersStore } from './users.store.js';

@Injectable()
export class OidcSignIn {
  constructor(
    @Inject(UsersStore) private readonly store: UsersStore,
    @Inject(Users) private readonly users: Users,
    @Inject(Sessions) private readonly sessions: Sessions,
  ) {}

  /**
   * The provider has checked whose the address is, so that invitations for it count without their token.
   * @throws ApiError no_membership, sign_in_failed
   */
  async start(person: Person, from: From): Promise<Started> {
    const user = await this.store.transaction(async (manager) => {
      const found = await this.userOf(manager, person);
      for (const invitation of await this.store.takeInvitationsOf(manager, person.email)) await this.users.join(manager, found, invitation);
      return found;
    });
    // Again: by an invitation it may have become an operator.
    return this.sessions.start((await this.store.find(user.id)) ?? user, undefined, 'cookie', from);
  }

  private async userOf(manager: EntityManager, person: Person): Promise<User> {
    const known = await this.store.findByIdentity(manager, person.issuer, person.subject);
    if (known) return known;
    const sameAddress = await this.store.findByEmail(person.email, manager);
    const user = sameAddress ?? (await this.make(manager, person));
    // Whoever made the user with a password need not be who the address belongs to.
    if (sameAddress) await this.store.setPassword(manager, user.id, null);
    await this.store.setIdentity(manager, user.id, person.issuer, person.subject);
    return user;
  }

  private async make(manager: EntityManager, { email, name }: Person): Promise<User> {
    const made = { id: randomUUID() as string as UserId, email, name: name ?? nameOf(email), passwordHash: null };
    const user = await this.store.insert(manager, made);
    if (!user) throw new ApiError('sign_in_failed', { detail: 'somebody signed in with the same address at this moment' });
    return user;
  }
}
