// Affinity and anti-affinity to other tasks' labels, on hosts and in zones. Anti-affinity binds both ways: a task that
// keeps away from a label also keeps later tasks with that label away from itself.
import { Names } from './columns.js';
import { tally } from './groups.js';
import type { Shape } from './shape.js';

/** Counts of something by host and by zone. */
class Places {
  readonly hosts = new Map<number, number>();
  readonly zones = new Map<number, number>();
  total = 0;

  count(host: number, zone: number, delta: number): void {
    this.total += delta;
    tally(this.hosts, host, delta);
    tally(this.zones, zone, delta);
  }
}

export class Labels {
  readonly names = new Names();
  private readonly carriers: Places[] = [];
  private readonly hostRepellers: Places[] = [];
  private readonly zoneRepellers: Places[] = [];

  id(label: string): number {
    const id = this.names.of(label);
    if (id === this.carriers.length) for (const set of [this.carriers, this.hostRepellers, this.zoneRepellers]) set.push(new Places());
    return id;
  }

  /** A task of `shape` comes (+1) or goes (−1). */
  count(shape: Shape, host: number, zone: number, delta: 1 | -1): void {
    for (const label of shape.labels) this.carriers[label]?.count(host, zone, delta);
    for (const label of shape.avoidsOnHost) this.hostRepellers[label]?.count(host, zone, delta);
    for (const label of shape.avoidsInZone) this.zoneRepellers[label]?.count(host, zone, delta);
  }

  repelledFromHost(shape: Shape, host: number): boolean {
    return (
      shape.avoidsOnHost.some((label) => this.carriers[label]?.hosts.has(host)) ||
      shape.labels.some((label) => this.hostRepellers[label]?.hosts.has(host))
    );
  }

  repelledFromZone(shape: Shape, zone: number): boolean {
    return (
      shape.avoidsInZone.some((label) => this.carriers[label]?.zones.has(zone)) ||
      shape.labels.some((label) => this.zoneRepellers[label]?.zones.has(zone))
    );
  }

  attractedToHost(shape: Shape, host: number): boolean {
    return shape.seeksOnHost.every((label) => this.carriers[label]?.hosts.has(host) || this.isFirst(shape, label));
  }

  attractedToZone(shape: Shape, zone: number): boolean {
    return shape.seeksInZone.every((label) => this.carriers[label]?.zones.has(zone) || this.isFirst(shape, label));
  }

  /** Hosts with the rarest of the labels that the shape must find on its host; null if any host may do. */
  meetingPoints(shape: Shape): Iterable<number> | null {
    const sought = shape.seeksOnHost.filter((label) => !this.isFirst(shape, label)).map((label) => this.carriers[label]?.hosts);
    const rarest = sought.sort((a, b) => (a?.size ?? 0) - (b?.size ?? 0))[0];
    return rarest ? rarest.keys() : null;
  }

  /** Tasks that seek their own label would never start if the first had to find another one. */
  private isFirst(shape: Shape, label: number): boolean {
    return this.carriers[label]?.total === 0 && shape.labels.includes(label);
  }
}
