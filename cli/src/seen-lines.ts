// Which log lines were printed already, so that following goes on after a broken connection without printing a line
// twice. The API can be asked for lines since an instant; lines near it come again and are dropped here.
import type { LogLine } from '@berth/contract';

/** Forgetting what is out of the window costs a look at all of them, so it waits until as many new ones have come. */
const forgetFrom = 5000;

/**
 * Containers' lines are merged as the agent reads them, so one with an older time can follow a newer one. Everything
 * within this window before the newest is asked for again.
 */
const windowMs = 2000;

export class SeenLines {
  /** Newest time, and how many lines of each origin and instant within the window were seen. */
  private newestMs = Number.NEGATIVE_INFINITY;
  private readonly counts = new Map<string, { atMs: number; count: number }>();
  private replay = new Map<string, number>();
  private forgetAt = forgetFrom;

  /** From when to ask after a break; null when nothing has been seen. */
  resumeFrom(): string | null {
    this.replay = new Map([...this.counts].map(([key, { count }]) => [key, count]));
    return Number.isFinite(this.newestMs) ? new Date(this.newestMs - windowMs).toISOString() : null;
  }

  /** Whether the line is new. Lines of one origin at one instant come again in their order, so that it is enough to count them. */
  accept(line: LogLine): boolean {
    const key = `${line.container}\n${line.stream}\n${line.at}`;
    const again = this.replay.get(key) ?? 0;
    if (again > 0) {
      this.replay.set(key, again - 1);
      return false;
    }
    const atMs = Date.parse(line.at);
    this.counts.set(key, { atMs, count: (this.counts.get(key)?.count ?? 0) + 1 });
    if (atMs > this.newestMs) this.newestMs = atMs;
    if (this.counts.size > this.forgetAt) this.forget();
    return true;
  }

  private forget(): void {
    for (const [key, { atMs }] of this.counts) {
      if (atMs < this.newestMs - windowMs) this.counts.delete(key);
    }
    this.forgetAt = 2 * this.counts.size + forgetFrom;
  }
}
