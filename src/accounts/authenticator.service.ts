// From an API key to its caller. Remembers the answer for a few seconds, so that a busy key costs no query a request.
import { timingSafeEqual } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { Config } from '../config.js';
import { CONFIG } from '../db/db.module.js';
import { Remembered } from '../remembered.js';
import { AccountsStore } from './accounts.store.js';
import { hashApiKey, isApiKey } from './api-key.js';
import type { Caller } from './caller.js';

/** A revoked key works for at most this long on the other replicas. */
const rememberMs = 5_000;
const rememberAtMost = 10_000;

@Injectable()
export class Authenticator {
  private readonly known = new Remembered<Caller | null>(rememberMs, rememberAtMost);
  private readonly operatorHash: Buffer | null;

  constructor(
    @Inject(CONFIG) config: Config,
    @Inject(AccountsStore) private readonly accounts: AccountsStore,
  ) {
    this.operatorHash = config.operatorKey === null ? null : hashApiKey(config.operatorKey);
  }

  /**
   * @returns null for a key that is unknown or revoked.
   * @throws what the database throws; a failed look-up is not remembered.
   */
  async callerOf(key: string): Promise<Caller | null> {
    const hash = hashApiKey(key);
    if (this.operatorHash && timingSafeEqual(hash, this.operatorHash)) return { tenantId: null, keyId: 'operator', role: 'operator' };
    if (!isApiKey(key)) return null;
    return this.known.get(hash.toString('base64'), performance.now(), () => this.lookUp(hash));
  }

  /** After a key was revoked here, so that it stops at once on this replica. */
  forget(): void {
    this.known.clear();
  }

  private async lookUp(hash: Buffer): Promise<Caller | null> {
    const key = await this.accounts.findKeyByHash(hash);
    return key && { tenantId: key.tenantId, keyId: key.id, role: key.role };
  }
}
