// When keys and sessions were used last: gathered in memory, and written together once in a while.
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { LOGGER } from '../db/db.module.js';
import { ApiKeysStore } from './api-keys.store.js';
import type { Caller } from './caller.js';
import { SessionsStore } from './sessions.store.js';

const writeEveryMs = 10_000;

@Injectable()
export class LastUses implements OnApplicationShutdown {
  private keys = new Map<string, Date>();
  private sessions = new Map<string, Date>();
  private readonly timer = setInterval(() => void this.write(), writeEveryMs).unref();

  constructor(
    @Inject(ApiKeysStore) private readonly keyStore: ApiKeysStore,
    @Inject(SessionsStore) private readonly sessionStore: SessionsStore,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  note({ keyId, userId }: Caller): void {
    (userId === null ? this.keys : this.sessions).set(keyId, new Date());
  }

  /** What can't be written is lost: the next use will tell. */
  async write(): Promise<void> {
    const { keys, sessions } = this;
    [this.keys, this.sessions] = [new Map(), new Map()];
    try {
      if (keys.size > 0) await this.keyStore.noteUses(keys);
      if (sessions.size > 0) await this.sessionStore.noteUses(sessions);
    } catch (err) {
      this.logger.warn({ err }, 'the last uses of keys could not be written');
    }
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.write();
  }
}
