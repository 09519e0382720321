// Persistent volumes as placement sees them: what a task needs of which, and where each lives. Pure.
import type { HostId } from '@berth/contract';

export interface VolumeNeed {
  readonly id: string;
  /** For reasons in words. */
  readonly name: string;
  readonly sizeMiB: number;
  /** One task at a time may write. */
  readonly write: boolean;
}

/** `local`: what lies on a host's own disk, scratch and persistent. */
export type VolumeKind = 'local' | 'nfs';

export interface VolumeHome {
  readonly id: string;
  readonly hostId: HostId;
  readonly hostName: string;
  /** By a task that holds room on the host. */
  readonly written: boolean;
}

/** By volume. Those that are absent live nowhere yet. */
export type VolumeHomes = Map<string, VolumeHome>;

export function newVolumesMiB(homes: VolumeHomes, needs: readonly VolumeNeed[] = []): number {
  return needs.reduce((sum, { id, sizeMiB }) => sum + (homes.has(id) ? 0 : sizeMiB), 0);
}

export function livesElsewhere(homes: VolumeHomes, needs: readonly VolumeNeed[] = [], hostId: HostId): boolean {
  return needs.some(({ id }) => (homes.get(id)?.hostId ?? hostId) !== hostId);
}

/** Those that the task wants to write and another task writes. */
export function writtenByOthers(homes: VolumeHomes, needs: readonly VolumeNeed[] = []): readonly VolumeNeed[] {
  return needs.filter(({ id, write }) => write && homes.get(id)?.written === true);
}

export function homesInWords(homes: VolumeHomes, needs: readonly VolumeNeed[] = []): string {
  return needs
    .flatMap(({ id, name }) => {
      const home = homes.get(id);
      return home ? `the volume ${name} lives on ${home.hostName}` : [];
    })
    .join(' and ');
}
