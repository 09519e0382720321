// What the agent knows and must never forget: the tasks it was given, how far each has come, and what it still owes
// the control plane. It is the fold of the journal's entries (reduce.ts), and nothing else. Times are milliseconds by
// the agent's clock.
import type {
  Adjusted,
  AssignedPort,
  ContainerState,
  Health,
  StopCode,
  TaskId,
  TaskReport,
  TaskSpec,
  TaskState,
  TaskWish,
  UsageRecord,
} from '@berth/contract';
import type { ClockAnchor } from './clock.js';
import type { UsageMeter } from './usage.js';

export interface AgentState {
  anchor: ClockAnchor | null;
  /** The newest time at which the agent is known to have been alive. */
  aliveAtMs: number;
  /** The highest epoch of a leader that was obeyed. */
  epoch: number;
  readonly tasks: Map<TaskId, TaskRecord>;
  /** Tasks that ended and were acknowledged, kept so that a late duplicate of their launch never starts again. */
  readonly tombstones: Map<TaskId, Tombstone>;
}

/** Replaced, never changed, so that whoever holds one holds a snapshot. */
export interface TaskRecord {
  readonly taskId: TaskId;
  /** Null for a task that was never taken on: refused, or stopped before its launch came. */
  readonly spec: TaskSpec | null;
  readonly acceptedAtMs: number;
  /** Grows with every change of what is reported. */
  readonly version: number;
  readonly ackedVersion: number;
  readonly state: TaskState;
  readonly reachedAtMs: Readonly<Partial<Record<ReportedState, number>>>;
  /** The first cause of its end; later ones don't replace it. */
  readonly stop: { readonly code: StopCode; readonly reason: string } | null;
  readonly address: string | null;
  /** Absent while it has none. */
  readonly ports?: readonly AssignedPort[];
  readonly containers: readonly ContainerRecord[];
  readonly startTimings: Readonly<Record<string, number>> | null;
  /** When its first process was let go. */
  readonly ranFromMs: number | null;
  /** Said from inside: not to be taken when its service shrinks, until then. `untilMs` null: no more. */
  readonly protection: { readonly setAtMs: number; readonly untilMs: number | null } | null;
  readonly usage: UsageMeter;
  /** What it has sent out of the host: the counter as it was last read, and what of it no interval has yet. None while nothing was. */
  readonly egress?: { readonly counterBytes: number; readonly openBytes: number };
  /** What was last wished while it runs, and what was last answered. None while nothing was. */
  readonly wish?: TaskWish;
  readonly adjusted?: Adjusted;
  /** Closed intervals that were not acknowledged yet, oldest first. */
  readonly unackedUsage: readonly UsageRecord[];
}

export type ReportedState = keyof TaskReport['reachedAt'];

export interface ContainerRecord {
  readonly name: string;
  readonly essential: boolean;
  readonly stopTimeoutMs: number;
  /** Number of the attempt that is under way, or was the last; 0 before the first. */
  readonly attempt: number;
  /** Restarts in a row that led to this attempt (contract's restart-policy). */
  readonly restartsInARow: number;
  /** Nothing of an earlier attempt is left on the host, so that the next may begin. */
  readonly cleared: boolean;
  /** Not before this does the next attempt begin. */
  readonly nextStartAtMs: number | null;
  /** When the first attempt was begun. */
  readonly firstStartAtMs: number | null;
  readonly lastExit: PastExit | null;
  readonly health: Health;
  readonly healthReason: string | null;
  /** `starting`: may have been let go, or not; only the runtime can tell. */
  readonly state: ContainerState;
  readonly startingAtMs: number | null;
  readonly startedAtMs: number | null;
  readonly finishedAtMs: number | null;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly reason: string | null;
  readonly stopSentAtMs: number | null;
  readonly killSentAtMs: number | null;
  readonly kills: number;
}

/** How the attempt before ended. */
export interface PastExit {
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly reason: string | null;
}

export interface Tombstone {
  readonly endedAtMs: number;
  /** Said again to a control plane that asks for the task nevertheless: its database may be an older one. */
  readonly report: TaskReport;
}

export const tombstoneRetentionMs = 24 * 3_600_000;

export function emptyState(): AgentState {
  return { anchor: null, aliveAtMs: 0, epoch: 0, tasks: new Map(), tombstones: new Map() };
}

/** Whether the container has a process, or may have one. */
export function isLive(container: ContainerRecord): boolean {
  return container.state === 'starting' || container.state === 'running';
}

/** Whether its process was ever let go. */
export function hasStarted(container: ContainerRecord): boolean {
  return container.startedAtMs !== null || container.lastExit !== null;
}
