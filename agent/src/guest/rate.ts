// How often each of many may do something: a bucket of tokens for each key. The caller brings the clock.
interface Bucket {
  tokens: number;
  atMs: number;
}

export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** Full buckets say nothing; when there are so many, they are dropped. */
const sweepAbove = 4096;

/** @returns whether `key` may act now; each yes costs it a token. */
export function rateLimit({ perSecond, burst }: Rate): (key: string, nowMs: number) => boolean {
  const buckets = new Map<string, Bucket>();
  const refilled = ({ tokens, atMs }: Bucket, nowMs: number) => Math.min(burst, tokens + (Math.max(0, nowMs - atMs) * perSecond) / 1000);

  const sweep = (nowMs: number) => {
    for (const [key, bucket] of buckets) if (refilled(bucket, nowMs) >= burst) buckets.delete(key);
  };

  return (key, nowMs) => {
    if (buckets.size > sweepAbove) sweep(nowMs);
    const tokens = refilled(buckets.get(key) ?? { tokens: burst, atMs: nowMs }, nowMs);
    const allowed = tokens >= 1;
    buckets.set(key, { tokens: allowed ? tokens - 1 : tokens, atMs: nowMs });
    return allowed;
  };
}

/** How many things of one key are under way at a time. */
export function concurrency(perKey: number, inAll: number): { enter(key: string): boolean; leave(key: string): void } {
  const held = new Map<string, number>();
  let all = 0;
  return {
    enter(key) {
      const own = held.get(key) ?? 0;
      if (own >= perKey || all >= inAll) return false;
      held.set(key, own + 1);
      all += 1;
      return true;
    },
    /** Once for each `enter` that was granted. */
    leave(key) {
      const own = held.get(key) ?? 0;
      if (own <= 1) held.delete(key);
      else held.set(key, own - 1);
      all -= 1;
    },
  };
}
