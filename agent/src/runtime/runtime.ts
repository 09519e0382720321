// The port between the agent's decisions and the machine. Two implementations: runtime/ (crun under a keeper) and sim/
// (no containers, for scale). Every verb is safe to repeat; the caller journals before it calls.
//
// Everything a task has on the host is named after its id, so that an implementation can find it again after the
// agent was killed, without being told.
import type {
  AssignedPort,
  Capacity,
  ContainerSpec,
  HealthCheck,
  HostNetwork,
  LogBatch,
  NetworkState,
  SecretValues,
  StatsSample,
  StopCode,
  TaskId,
  TaskSpec,
} from '@berth/contract';
import type { EndedLogs } from './ended-logs.js';
import type { Inside } from './inside.js';
import type { TaskCounters } from './stats-rates.js';

export interface HostFacts {
  readonly capacity: Capacity;
  /** For people and, later, for constraints: arch, kernel, cgroup (v1 | v2), crun, cpus … */
  readonly attributes: Readonly<Record<string, string>>;
  readonly bootId: string;
}

export interface Prepared {
  /** The task's own IPv4 address. */
  readonly address: string | null;
  /** What it publishes, and where. */
  readonly ports: readonly AssignedPort[];
  /** Milliseconds by part, e.g. { image: 0.4, sandbox: 1.2 }. */
  readonly timings: Readonly<Record<string, number>>;
  /** By the agent's clock, when its images were got; null when none was missing. */
  readonly pulled: { readonly fromMs: number; readonly untilMs: number } | null;
}

export interface Started {
  /** By the agent's clock (clock.ts), when the container's process was let go. */
  readonly startedAtMs: number;
  readonly timings: Readonly<Record<string, number>>;
}

export interface Exit {
  /** 0–255; 128 + n when a signal ended it. */
  readonly exitCode: number;
  readonly signal: string | null;
  readonly oomKilled: boolean;
  /** Null when the end was not seen as it happened and its time can't be told better than "before now". */
  readonly finishedAtMs: number | null;
  /** Set when it is not the container that ended but our means of watching it. */
  readonly runtimeFailure: string | null;
}

/**
 * `absent`: its process never ran and never will (a container that was created and not let go counts, and is
 * removed). `running`: let go and not ended. `exited`: ended; the exit is kept until `cleanup`.
 */
export type Observed =
  | { readonly is: 'absent' }
  | { readonly is: 'running'; readonly startedAtMs: number }
  | { readonly is: 'exited'; readonly exit: Exit };

export interface CheckResult {
  readonly ok: boolean;
  /** What was wrong, for the task's owner. */
  readonly detail: string;
}

export interface LogRequest {
  readonly container: string | null;
  /** At most so many of the newest lines before what is followed; null: all that are kept, from the first on. */
  readonly tail: number | null;
  /** By container, where in its log to go on; containers that are not named, from their beginning. Then `tail` counts not. */
  readonly from: Readonly<Record<string, number>> | null;
  readonly since: string | null;
  /** No lines after this time; who follows is told the end then. */
  readonly until: string | null;
  /** Only lines, or pieces of lines, with this text in them. */
  readonly grep: string | null;
  readonly stream: 'stdout' | 'stderr' | null;
  readonly follow: boolean;
  readonly signal: AbortSignal;
}

export interface Runtime {
  readonly facts: HostFacts;
  /** Why the host should get no more tasks for want of disk space, in words; null when all is well. */
  readonly diskPressure: string | null;
  /**
   * Puts the host in order at the agent's start: makes bridge, tables and pools, finds the containers of `known`
   * tasks, and removes everything of ours that belongs to no known task.
   */
  start(known: readonly TaskId[], listeners: RuntimeListeners): Promise<void>;
  /**
   * Pulls what is missing and makes everything the task's containers share. Throws TaskStartError, or the reason of
   * `signal` soon after that fires; what was made until then is `cleanup`'s.
   */
  prepare(spec: TaskSpec, signal: AbortSignal): Promise<Prepared>;
  /**
   * Takes the values of a task's secrets, by reference, for `prepare` and every start of its containers. They are kept in
   * memory only, until `cleanup`. A task that uses secrets is not prepared before they have come.
   */
  keepSecrets(taskId: TaskId, values: SecretValues): void;
  /**
   * Creates a container and, when `permit` resolves, lets it go. Throws TaskStartError, or the StartWithdrawn that `permit`
   * rejects with; then the container is `absent`, and has not run.
   */
  startContainer(spec: TaskSpec, container: ContainerSpec, permit: () => Promise<void>): Promise<Started>;
  /** The signal to stop this container with, by definition or image, and its delivery. Nothing happens if it has ended. */
  stopContainer(taskId: TaskId, container: ContainerSpec): Promise<void>;
  /**
   * Takes away what an ended container has left on the host, its logs excepted, so that it can be started again with a
   * clean file system. It is `absent` then. Safe twice.
   */
  clearContainer(taskId: TaskId, container: string): Promise<void>;
  /** Makes one health check, within the check's own time limit; `signal` fires when nobody waits for it any more. */
  check(taskId: TaskId, container: string, check: HealthCheck, signal: AbortSignal): Promise<CheckResult>;
  /** SIGKILL to every process of the container. */
  killContainer(taskId: TaskId, container: string): Promise<void>;
  /**
   * Changes the limits of a running task to those of `spec`, or none of them.
   * @throws AdjustRefusedError when it uses more memory than it would have.
   */
  resize(spec: TaskSpec): Promise<void>;
  /** Holds all of its processes, or lets them go on. Safe to repeat. @throws AdjustRefusedError when they can't be held. */
  setFrozen(taskId: TaskId, frozen: boolean): Promise<void>;
  /** Sends a signal (`SIGHUP`) to the container's first process. @returns false when there is none. */
  signal(taskId: TaskId, container: string, signal: string): Promise<boolean>;
  observe(taskId: TaskId, container: string): Promise<Observed>;
  /** Removes all that the task has on the host but its logs. Safe twice, and without `prepare`. Kills what runs. */
  cleanup(taskId: TaskId): Promise<void>;
  /**
   * Lines of a live or ended task, oldest first; ends at the last line, or with the task when following. Where the log's
   * cap took lines that would have followed, a line on stderr says so.
   */
  logs(taskId: TaskId, request: LogRequest): AsyncIterable<LogBatch>;
  /** Logs that have to go into the log store. */
  readonly endedLogs: EndedLogs;
  /** What the task and each of its containers have used until now; null when nothing of it is on the host. */
  taskStats(taskId: TaskId): TaskCounters | null;
  /** What it used in the last hour, oldest first; kept in memory only. */
  statsHistory(taskId: TaskId): StatsSample[];
  /**
   * Bytes that each of these has sent to the outside (docs/billing.md says what that is) since it was prepared. Outlives the
   * agent; a number that is smaller than before says that the counter has begun anew. Those that have sent nothing since they
   * were last asked for may be left out.
   */
  egressBytes(taskIds: readonly TaskId[]): ReadonlyMap<TaskId, number>;
  /** What other hosts have to know of this one; null if its tasks have no network of their own. */
  readonly network: HostNetwork | null;
  /** Resolves when it should be closed and made anew, for that its tasks get another subnet; it has none at the moment. */
  readonly outdated: Promise<'outdated'>;
  /** What the control plane says of groups, other hosts and this one's subnet, whole. Resolves when it holds. */
  setNetwork(state: NetworkState): Promise<void>;
  /**
   * Deletes persistent volumes with all that is in them, and is done as well with those that are not there.
   * @returns those of which nothing is left; others are still in use, or could not be removed.
   */
  removeVolumes(volumeIds: readonly string[]): Promise<string[]>;
  /** What the persistent volumes on this host may hold together. */
  readonly volumesMiB: number;
  /** What one can do inside a running task. */
  readonly inside: Inside;
  /** Ends timers and watchers. Containers live on. */
  close(): Promise<void>;
  /** Undoes `start`: bridge, tables, pools, mounts. Only when no task is left. */
  teardown(): Promise<void>;
}

export interface RuntimeListeners {
  /** An exit was seen. May be said twice, and late; `observe` is the truth. */
  onExit(taskId: TaskId, container: string, exit: Exit): void;
}

/** What can't be done to a running task; `message` is for the user, and the task is as it was before. */
export class AdjustRefusedError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'AdjustRefusedError';
  }
}

/** The container is not to start any more. */
export class StartWithdrawn extends Error {}

/** A start that failed in a way the user should read: `message` goes into the task's stopReason. */
export class TaskStartError extends Error {
  constructor(
    readonly stopCode: StopCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = 'TaskStartError';
  }
}
