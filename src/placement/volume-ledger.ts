// Where volumes live and who writes them, as the model knows it: rows from the database, and what was decided since.
import type { HostId, TaskId } from '@berth/contract';
import type { HostRow, VolumeRow } from './fleet.js';
import type { VolumeHomes, VolumeNeed } from './volume-needs.js';

export class VolumeLedger {
  private readonly rows = new Map<string, VolumeRow>();
  private readonly onHost = new Map<HostId, number>();
  private readonly writers = new Map<string, Set<TaskId>>();

  /** What volumes hold of a host's disk. */
  heldMiB(hostId: HostId): number {
    return this.onHost.get(hostId) ?? 0;
  }

  /** @returns the hosts whose disk has more or less room now. */
  apply(row: VolumeRow): HostId[] {
    const before = this.rows.get(row.id);
    if (before?.hostId === row.hostId && row.hostId !== null && !row.removed) return [];
    const changed = [this.count(before, -1), this.count(row, 1)].flatMap((host) => host ?? []);
    if (row.removed) this.rows.delete(row.id);
    else this.rows.set(row.id, row);
    return changed;
  }

  /** The task has been given a host: its volumes that had none live there. */
  settle(needs: readonly VolumeNeed[], hostId: HostId): void {
    for (const { id, sizeMiB } of needs) if (!this.rows.get(id)?.hostId) this.apply({ id, hostId, sizeMiB, removed: false });
  }

  write(taskId: TaskId, needs: readonly VolumeNeed[] = []): void {
    for (const { id, write } of needs) {
      if (!write) continue;
      const writers = this.writers.get(id) ?? new Set();
      this.writers.set(id, writers.add(taskId));
    }
  }

  leave(taskId: TaskId, needs: readonly VolumeNeed[] = []): void {
    for (const { id } of needs) {
      const writers = this.writers.get(id);
      writers?.delete(taskId);
      if (writers?.size === 0) this.writers.delete(id);
    }
  }

  homesOf(needs: readonly VolumeNeed[], hosts: ReadonlyMap<HostId, HostRow>): VolumeHomes {
    const homes: VolumeHomes = new Map();
    for (const { id } of needs) {
      const hostId = this.rows.get(id)?.hostId;
      if (!hostId) continue;
      homes.set(id, { id, hostId, hostName: hosts.get(hostId)?.name ?? 'a host that is lost', written: this.writers.has(id) });
    }
    return homes;
  }

  private count(row: VolumeRow | undefined, sign: 1 | -1): HostId | null {
    if (!row?.hostId || row.removed) return null;
    this.onHost.set(row.hostId, this.heldMiB(row.hostId) + sign * row.sizeMiB);
    return row.hostId;
  }
}
