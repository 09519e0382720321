// Decides which hosts count as unreachable or lost. A host is judged only by silence that this leader could have
// noticed: after an outage of the control plane itself every host looks silent, and none may be blamed for it.
import type { HostId, HostState } from '@berth/contract';

export interface HostSighting {
  readonly id: HostId;
  readonly state: HostState;
  /** By the database's clock, as are all times here. */
  readonly lastSeenMs: number;
}

export interface LivenessLimits {
  readonly unreachableAfterMs: number;
  readonly lostAfterMs: number;
}

export interface LivenessChanges {
  readonly unreachable: readonly HostId[];
  readonly lost: readonly HostId[];
}

/** @param watchingSinceMs from when on every heartbeat would have been noted. */
export function judgeHosts(
  hosts: readonly HostSighting[],
  nowMs: number,
  watchingSinceMs: number,
  limits: LivenessLimits,
): LivenessChanges {
  const silentFor = ({ lastSeenMs }: HostSighting) => nowMs - Math.max(lastSeenMs, watchingSinceMs);
  const lost = hosts.filter((host) => host.state !== 'lost' && silentFor(host) >= limits.lostAfterMs);
  const unreachable = hosts.filter(
    (host) => host.state === 'active' && silentFor(host) >= limits.unreachableAfterMs && !lost.includes(host),
  );
  return { unreachable: unreachable.map(({ id }) => id), lost: lost.map(({ id }) => id) };
}

/**
 * Since when the watch is unbroken. A look that comes late means that this process, or the database, stood still: the
 * watch begins anew.
 * @param before null when this leader has not looked yet.
 */
export function watchingSince(before: { sinceMs: number; lookedAtMs: number } | null, nowMs: number, gapAtMostMs: number): number {
  return before && nowMs - before.lookedAtMs <= gapAtMostMs ? before.sinceMs : nowMs;
}
