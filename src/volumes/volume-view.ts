// A volume as its tenant sees it.
import type { HostState, Volume, VolumeState } from '@berth/contract';

export interface VolumeRow {
  readonly id: string;
  readonly name: string;
  readonly size_mib: number;
  readonly host_id: string | null;
  readonly host_name: string | null;
  readonly host_state: HostState | null;
  /** The first of those that use it. */
  readonly users: Volume['usedBy'] | null;
  readonly user_count: number;
  readonly created_at: Date;
}

export function toApiVolume(row: VolumeRow): Volume {
  return {
    id: row.id,
    name: row.name,
    sizeMiB: row.size_mib,
    state: stateOf(row),
    hostId: row.host_id,
    hostName: row.host_name,
    usedBy: [...(row.users ?? [])],
    createdAt: row.created_at.toISOString(),
  };
}

/** A host that can't be reached says more of a volume than who waits for it. */
export function stateOf({ host_state: host, user_count: users }: Pick<VolumeRow, 'host_state' | 'user_count'>): VolumeState {
  if (host === null) return 'new';
  if (host === 'unreachable' || host === 'lost') return host;
  return users > 0 ? 'in-use' : 'available';
}
