// The journal's vocabulary: everything that can happen to an agent's state. An entry says what happened and when, in
// milliseconds by the agent's clock; what follows from it is the reducer's business, so that a replay gives the same.
import type { Adjusted, AssignedPort, Health, StopCode, TaskId, TaskSpec, TaskWish } from '@berth/contract';
import type { ClockAnchor } from './clock.js';
import type { TaskRecord, Tombstone } from './state.js';

interface OfTask {
  readonly taskId: TaskId;
  readonly atMs: number;
}

interface OfContainer extends OfTask {
  readonly container: string;
}

/** How a container ended, as it goes into the report. */
export interface ExitFacts {
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly oomKilled: boolean;
  readonly runtimeFailure: string | null;
}

export type TaskEntry =
  | ({ readonly kind: 'accepted'; readonly spec: TaskSpec } & OfTask)
  /** The task ends without ever having been taken on. */
  | ({ readonly kind: 'declined'; readonly code: StopCode; readonly reason: string } & OfTask)
  | ({ readonly kind: 'stop-wanted'; readonly code: StopCode; readonly reason: string } & OfTask)
  | ({ readonly kind: 'start-failed'; readonly code: StopCode; readonly reason: string } & OfTask)
  | ({ readonly kind: 'preparing' } & OfTask)
  | ({
      readonly kind: 'prepared';
      readonly address: string | null;
      /** Not in journals of before tasks could publish any. */
      readonly ports?: readonly AssignedPort[];
      readonly timings: Readonly<Record<string, number>>;
      /** When its images were got, if one of them was missing. */
      readonly pulled?: { readonly fromMs: number; readonly untilMs: number };
    } & OfTask)
  /** Attempt 1 in journals of before there were restarts. */
  | ({ readonly kind: 'container-starting'; readonly attempt?: number } & OfContainer)
  /** It was never let go after all. */
  | ({ readonly kind: 'container-absent' } & OfContainer)
  | ({ readonly kind: 'container-started'; readonly timings: Readonly<Record<string, number>> } & OfContainer)
  | ({ readonly kind: 'container-exited'; readonly exit: ExitFacts } & OfContainer)
  /** Nothing of its last attempt is left on the host but its log. */
  | ({ readonly kind: 'container-cleared' } & OfContainer)
  | ({ readonly kind: 'container-health'; readonly attempt: number; readonly health: Health; readonly reason: string | null } & OfContainer)
  | ({ readonly kind: 'protection-set'; readonly untilMs: number | null } & OfTask)
  | ({ readonly kind: 'stop-sent' } & OfContainer)
  | ({ readonly kind: 'kill-sent' } & OfContainer)
  | ({ readonly kind: 'usage-cut' } & OfTask)
  /** What the host's counter says that it has sent to the outside so far. The counter may have begun anew since. */
  | ({ readonly kind: 'egress-read'; readonly bytes: number } & OfTask)
  | ({ readonly kind: 'adjust-wanted'; readonly wish: TaskWish } & OfTask)
  /** The wish was answered: this holds from `atMs` on. */
  | ({ readonly kind: 'adjusted'; readonly adjusted: Adjusted } & OfTask)
  /** In order to be stopped. */
  | ({ readonly kind: 'thawed' } & OfTask)
  /** Nothing of it is left on the host. */
  | ({ readonly kind: 'cleaned' } & OfTask)
  /** The host was restarted: whatever ran is gone since `atMs`, when the agent was last known to be alive. */
  | ({ readonly kind: 'rebooted' } & OfTask);

export type Entry =
  | TaskEntry
  | { readonly kind: 'anchored'; readonly anchor: ClockAnchor }
  | { readonly kind: 'alive'; readonly atMs: number }
  | { readonly kind: 'resumed'; readonly atMs: number }
  | { readonly kind: 'epoch'; readonly epoch: number }
  /** The control plane has these durably: reports by version, usage by the highest sequence. */
  | {
      readonly kind: 'acked';
      readonly atMs: number;
      readonly reports: readonly (readonly [TaskId, number])[];
      readonly usage: readonly (readonly [TaskId, number])[];
    }
  // What a compacted journal begins with, in place of the history.
  | { readonly kind: 'record'; readonly record: TaskRecord }
  | { readonly kind: 'tombstone'; readonly taskId: TaskId; readonly tombstone: Tombstone };
