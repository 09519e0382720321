// What one placement pass comes to: who goes where, and who has to leave first.
import type { HostId, TaskId } from '@berth/contract';

export interface Decision {
  readonly taskId: TaskId;
  readonly hostId: HostId;
  /** Of the host, when this was decided. */
  readonly roomVersion: number;
  /** Why this host, in words. */
  readonly placement: string;
  /** All that were decided for the gang are placed, or none. */
  readonly gangId: string | null;
}

/** These have to leave before the others can be placed. */
export interface Eviction {
  readonly decisions: readonly Decision[];
  readonly victims: readonly TaskId[];
}

export interface Plan {
  readonly placed: readonly Decision[];
  readonly evictions: readonly Eviction[];
}
