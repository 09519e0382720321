// How many requests a second one key may make, and all keys of a tenant together. With Redis all replicas share the count;
// without Redis, or while it is gone, each counts for itself: a limit that fails must not take the API with it.
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import type { Config } from '../config.js';
import { CONFIG, LOGGER } from '../db/db.module.js';
import { ApiError } from '../errors.js';
import type { Caller } from './caller.js';

type Limiter = RateLimiterMemory | RateLimiterRedis;

/** Of different limits, tenants have a handful. */
const limitersAtMost = 200;

@Injectable()
export class RequestLimit implements OnApplicationShutdown {
  private readonly redis: Redis | null;
  private readonly limiters = new Map<number, Limiter>();
  private readonly perKey: number;

  constructor(@Inject(CONFIG) config: Config, @Inject(LOGGER) logger: Logger) {
    this.perKey = config.http.requestsPerSecond;
    this.redis = config.redisUrl === null ? null : connect(config.redisUrl, logger);
  }

  /** @param ip counts for who has no valid key: guessing keys is hopeless, but each guess costs a query. @throws ApiError rate_limited */
  async spend(caller: Caller | null, ip: string): Promise<void> {
    await this.consume(caller ? `key:${caller.keyId}` : `ip:${ip}`, this.perKey);
    if (caller?.tenantId && caller.requestsPerSecond !== null) await this.consume(`tenant:${caller.tenantId}`, caller.requestsPerSecond);
  }

  private async consume(who: string, perSecond: number): Promise<void> {
    try {
      await this.limiter(perSecond).consume(who);
    } catch (refused) {
      if (!(refused instanceof RateLimiterRes)) throw refused;
      const seconds = Math.max(1, Math.ceil(refused.msBeforeNext / 1000));
      throw new ApiError(
        'rate_limited',
        { what: `requests (the limit is ${perSecond} a second)`, seconds },
        { retryAfterSeconds: seconds },
      );
    }
  }

  private limiter(perSecond: number): Limiter {
    let limiter = this.limiters.get(perSecond);
    if (!limiter) {
      if (this.limiters.size >= limitersAtMost) this.limiters.clear();
      const limits = { keyPrefix: `berth-requests-${perSecond}`, points: perSecond, duration: 1 };
      const alone = new RateLimiterMemory(limits);
      limiter = this.redis ? new RateLimiterRedis({ ...limits, storeClient: this.redis, insuranceLimiter: alone }) : alone;
      this.limiters.set(perSecond, limiter);
    }
    return limiter;
  }

  async onApplicationShutdown(): Promise<void> {
    this.redis?.disconnect();
  }
}

/** Fails at once when Redis is away, instead of queueing requests behind it. */
function connect(url: string, logger: Logger): Redis {
  const redis = new Redis(url, { enableOfflineQueue: false, maxRetriesPerRequest: 0, commandTimeout: 200 });
  redis.on('error', (error) => logger.warn({ err: error }, 'Redis is away: each replica limits requests by itself'));
  return redis;
}
