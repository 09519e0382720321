// Services and jobs, as far as placement cares: how many of their tasks are where, and how many may be evicted.

export class Group {
  total = 0;
  /** Tasks by host; kept only for shapes with a limit per host or spreading. */
  readonly hosts = new Map<number, number>();
  readonly zones: number[] = [];
  /** Evictions that the group's disruption budget still allows. */
  evictions = Number.MAX_SAFE_INTEGER;

  constructor(readonly key: string) {}

  on(host: number): number {
    return this.hosts.get(host) ?? 0;
  }

  inZone(zone: number): number {
    return this.zones[zone] ?? 0;
  }

  count(host: number, zone: number, byHost: boolean, delta: 1 | -1): void {
    this.total += delta;
    this.zones[zone] = this.inZone(zone) + delta;
    if (byHost) tally(this.hosts, host, delta);
  }
}

/** Adds `delta` to the count of `key`, dropping it at zero so that maps don't grow with what has gone. */
export function tally<Key>(counts: Map<Key, number>, key: Key, delta: number): void {
  const count = (counts.get(key) ?? 0) + delta;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}

export class Groups {
  private readonly byKey = new Map<string, Group>();

  of(key: string): Group {
    let group = this.byKey.get(key);
    if (!group) {
      group = new Group(key);
      this.byKey.set(key, group);
    }
    return group;
  }

  known(key: string): Group | undefined {
    return this.byKey.get(key);
  }

  /** Holds `group` while it has tasks or a budget, and lets it go after. */
  keep(group: Group): void {
    if (group.total > 0 || group.evictions !== Number.MAX_SAFE_INTEGER) this.byKey.set(group.key, group);
    else this.byKey.delete(group.key);
  }
}
