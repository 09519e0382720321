// What quotas leave. Pure.
import { type CountedQuota, type QuotaName, quotaTable } from '@berth/contract';

/** What is absent has no limit. */
export type Limits = Partial<Readonly<Record<QuotaName, number>>>;
export type Amounts = Partial<Readonly<Record<CountedQuota, number>>>;

export interface Shortage {
  readonly name: CountedQuota;
  readonly limit: number;
  readonly used: number;
  readonly wanted: number;
}

/** Those that are limited and of which more is wanted: nothing else has to be counted. */
export function limitedOf(limits: Limits, wanted: Amounts): CountedQuota[] {
  return (Object.keys(wanted) as CountedQuota[]).filter((name) => limits[name] !== undefined && (wanted[name] ?? 0) > 0);
}

/** @returns the first quota that would be exceeded, null if all is within. Who has too much already may keep it. */
export function shortageOf(limits: Limits, used: Amounts, wanted: Amounts): Shortage | null {
  for (const name of limitedOf(limits, wanted)) {
    const shortage = { name, limit: limits[name] ?? 0, used: used[name] ?? 0, wanted: wanted[name] ?? 0 };
    if (shortage.used + shortage.wanted > shortage.limit) return shortage;
  }
  return null;
}

/** How a quota's figures are called in its error. */
export function wordsOf({ name, ...figures }: Shortage) {
  const { unit, what } = quotaTable[name];
  return { ...figures, unit, what };
}

export interface Bucket {
  readonly tokens: number;
  readonly refilledAtMs: number;
}

export type Poured =
  | { readonly kind: 'poured'; readonly bucket: Bucket }
  /** `afterMs`: when there will be as many; null: never, since the bucket holds fewer. */
  | { readonly kind: 'short'; readonly left: number; readonly afterMs: number | null };

const minuteMs = 60_000;

/** What is in the bucket by now: it holds a minute's worth, and fills evenly. */
export function levelOf({ tokens, refilledAtMs }: Bucket, perMinute: number, nowMs: number): number {
  return Math.min(perMinute, tokens + (Math.max(0, nowMs - refilledAtMs) * perMinute) / minuteMs);
}

/** @param bucket null: nothing was ever taken from it. */
export function pour(bucket: Bucket | null, perMinute: number, nowMs: number, wanted: number): Poured {
  const level = bucket ? levelOf(bucket, perMinute, nowMs) : perMinute;
  if (level >= wanted) return { kind: 'poured', bucket: { tokens: level - wanted, refilledAtMs: nowMs } };
  const afterMs = wanted > perMinute ? null : Math.ceil(((wanted - level) * minuteMs) / perMinute);
  return { kind: 'short', left: Math.floor(level), afterMs };
}
