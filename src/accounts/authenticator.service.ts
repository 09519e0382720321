// From what a request shows to its caller. Remembers the answer for a few seconds, so that a busy key costs no query a
// request.
import { timingSafeEqual } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { Config } from '../config.js';
import { CONFIG } from '../db/db.module.js';
import { Remembered } from '../remembered.js';
import { isApiKey } from './api-key.js';
import { ApiKeysStore } from './api-keys.store.js';
import type { Caller } from './caller.js';
import { type Credential, hashToken } from './credential.js';
import { LastUses } from './last-uses.service.js';
import { isSessionToken } from './session-token.js';
import { SessionsStore } from './sessions.store.js';

/** A revoked key works for at most this long on the other replicas. */
const rememberMs = 5_000;
const rememberAtMost = 10_000;

const theOperator: Caller = {
  tenantId: null,
  keyId: 'operator',
  role: 'operator',
  scopes: null,
  name: 'the operator’s key',
  userId: null,
  submitter: 'operator',
  expiresAt: null,
  requestsPerSecond: null,
};

@Injectable()
export class Authenticator {
  private readonly known = new Remembered<Caller | null>(rememberMs, rememberAtMost);
  private readonly operatorHash: Buffer | null;

  constructor(
    @Inject(CONFIG) config: Config,
    @Inject(ApiKeysStore) private readonly keys: ApiKeysStore,
    @Inject(SessionsStore) private readonly sessions: SessionsStore,
    @Inject(LastUses) private readonly uses: LastUses,
  ) {
    this.operatorHash = config.operatorKey === null ? null : hashToken(config.operatorKey);
  }

  /**
   * @returns null for what is unknown, revoked or expired.
   * @throws what the database throws; a failed look-up is not remembered.
   */
  async callerOf({ transport, token }: Credential): Promise<Caller | null> {
    const hash = hashToken(token);
    if (transport === 'bearer' && this.operatorHash && timingSafeEqual(hash, this.operatorHash)) return theOperator;
    const lookUp = this.lookUpOf({ transport, token }, hash);
    const caller = lookUp && (await this.known.get(`${transport} ${hash.toString('base64')}`, performance.now(), lookUp));
    if (!caller || (caller.expiresAt && caller.expiresAt.getTime() <= Date.now())) return null;
    this.uses.note(caller);
    return caller;
  }

  /** After a key was revoked here, or a user's role changed, so that it counts at once on this replica. */
  forget(): void {
    this.known.clear();
  }

  private lookUpOf({ transport, token }: Credential, hash: Buffer): (() => Promise<Caller | null>) | null {
    if (isSessionToken(token)) return () => this.sessions.findCaller(hash, transport);
    return transport === 'bearer' && isApiKey(token) ? () => this.keys.findCaller(hash) : null;
  }
}
