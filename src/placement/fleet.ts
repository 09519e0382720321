// What placement knows of the fleet as the database has it: rows of hosts and tasks, and what a task asks of its host.
import type { CapacityTier, Gpus, HostId, HostState, Isolation, PlacementRules, TaskId, TaskState } from '@berth/contract';
import type { VolumeKind, VolumeNeed } from './volume-needs.js';

/**
 * What a task asks of its host beside CPU and memory. Kept with the task (tasks.needs); what is absent is not asked for,
 * so that most tasks are alike. A new need is a field here, its part in `shapeOf` (task-shapes.ts), and its words
 * (pending-reason.ts).
 */
export interface Needs {
  readonly isolation?: Isolation;
  /** Ephemeral storage; absent: the default. */
  readonly diskMiB?: number;
  /** `tcp/8080`: ports of the host that no other task may have. */
  readonly hostPorts?: readonly string[];
  readonly networkMbps?: number;
  /** Persistent volumes: the first task that uses one chooses its host, and later ones run there. */
  readonly volumes?: readonly VolumeNeed[];
  /** What kinds of volumes the host must know how to make. */
  readonly volumeKinds?: readonly VolumeKind[];
  /** A container's control group is to be its own to divide, which needs cgroup v2. */
  readonly delegateCgroup?: true;
  readonly gpus?: Gpus;
  readonly placement?: PlacementRules;
  /** Absent: flex. */
  readonly capacityTier?: Exclude<CapacityTier, 'flex'>;
  /** The beginning of its image's digest; of several, of the first essential container's. Softly: where it is already. */
  readonly image?: string;
  /** The family, if something is counted within it and no group was named. */
  readonly family?: string;
}

export interface HostRow {
  readonly id: HostId;
  readonly name: string;
  readonly state: HostState;
  /** Grows when a task on it is given more room; a plan holds for the version that it was made with. */
  readonly roomVersion: number;
  /** What its agent says of it; `isolation` lists the tiers it has. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly cpuMillis: number;
  readonly memoryMiB: number;
  readonly taskSlots: number;
  /** Null: its agent doesn't count its disk, and takes whatever comes. */
  readonly diskMiB: number | null;
  /** Why its disk can take no more tasks, in words; null when it can. */
  readonly diskPressure: string | null;
}

export interface TaskRow {
  readonly id: TaskId;
  readonly tenantId: string;
  readonly state: TaskState;
  readonly stopping: boolean;
  readonly hostId: HostId | null;
  readonly cpuMillis: number;
  readonly memoryMiB: number;
  /** As PostgreSQL writes it, which is the same text for the same needs. */
  readonly needs: string;
  /** Null: none. */
  readonly tags: Readonly<Record<string, string>> | null;
  readonly group: string | null;
  readonly gang: { readonly id: string; readonly min: number } | null;
  /** The task that waits for this one to leave. */
  readonly replacedBy: TaskId | null;
  /** Whose disruption budget its eviction would count against; null: nobody's, or nobody may evict it. */
  readonly budgetGroup: string | null;
  /** In seconds, since it was placed; 0 for one that was not. */
  readonly ageS: number;
}

/** A volume that holds room on a host, or will when its first task is placed. */
export interface VolumeRow {
  readonly id: string;
  readonly hostId: HostId | null;
  readonly sizeMiB: number;
  /** Nothing of it is left on its host. */
  readonly removed: boolean;
}

export interface CapacityGroupRow {
  readonly id: string;
  readonly name: string;
  readonly cpuMillis: number;
  readonly memoryMiB: number;
  readonly gpus: number;
  readonly tenants: readonly string[];
}

/** Only of tenants whose weight is not 1. */
export interface TenantWeightRow {
  readonly tenantId: string;
  readonly weight: number;
}

/** What is new in the database, or all of it. */
export interface FleetChanges {
  /** All rows that count are here: what is not is gone. */
  readonly complete: boolean;
  readonly hosts: readonly HostRow[];
  /** Of whatever state: those that have ended are here to be forgotten. */
  readonly tasks: readonly TaskRow[];
  readonly volumes: readonly VolumeRow[];
  /** Always all of them: there are few. */
  readonly capacityGroups: readonly CapacityGroupRow[];
  /** Always all of them, too. */
  readonly weights: readonly TenantWeightRow[];
}
