// How many requests a second one key may make. With Redis all replicas share the count; without Redis, or while it is
// gone, each counts for itself: a limit that fails must not take the API with it.
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import type { Config } from '../config.js';
import { CONFIG, LOGGER } from '../db/db.module.js';
import { ApiError } from '../errors.js';

@Injectable()
export class RequestLimit implements OnApplicationShutdown {
  private readonly redis: Redis | null;
  private readonly limiter: RateLimiterMemory | RateLimiterRedis;

  constructor(@Inject(CONFIG) config: Config, @Inject(LOGGER) logger: Logger) {
    const limits = { keyPrefix: 'berth-requests', points: config.http.requestsPerSecond, duration: 1 };
    const alone = new RateLimiterMemory(limits);
    this.redis = config.redisUrl === null ? null : connect(config.redisUrl, logger);
    this.limiter = this.redis ? new RateLimiterRedis({ ...limits, storeClient: this.redis, insuranceLimiter: alone }) : alone;
  }

  /** @throws ApiError rate_limited */
  async spend(who: string): Promise<void> {
    try {
      await this.limiter.consume(who);
    } catch (refused) {
      if (!(refused instanceof RateLimiterRes)) throw refused;
      const seconds = Math.max(1, Math.ceil(refused.msBeforeNext / 1000));
      throw new ApiError('rate_limited', { seconds }, { retryAfterSeconds: seconds });
    }
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
