// Decides what agents' reports change: of each task the newest report counts, only its own host's, never backwards, and
// the end is final. The database's rows and the reports come in, changes and events go out.
import {
  type Adjusted,
  type HostId,
  isTerminal,
  type StopCode,
  stateRank,
  stopCodes,
  type TaskId,
  type TaskReport,
  type TaskState,
} from '@berth/contract';
import { type AdjustEventType, adjustNews } from './adjust-events.js';

/** What the database knows of a task that was reported. */
export interface KnownTask {
  readonly id: TaskId;
  readonly tenantId: string;
  readonly hostId: HostId | null;
  readonly state: TaskState;
  readonly reportVersion: number;
  readonly desiredStopCode: StopCode | null;
  readonly desiredStopReason: string | null;
  readonly stopCode: StopCode | null;
  readonly stopReason: string | null;
  readonly cpuMillis: number;
  readonly memoryMiB: number;
  readonly adjusted: Adjusted | null;
}

export interface HostReport {
  readonly hostId: HostId;
  readonly report: TaskReport;
}

export interface TaskChange {
  readonly report: TaskReport;
  readonly stopCode: StopCode | null;
  readonly stopReason: string | null;
}

export interface NewEvent {
  readonly taskId: TaskId;
  readonly tenantId: string;
  readonly type: TaskState | AdjustEventType;
  /** By the agent's clock; null if it did not say. */
  readonly at: string | null;
  readonly reason: string;
}

/**
 * `applied`, `old` news, `ended`: the database has this task's end, but it is alive at the agent and has to be stopped
 * there; `unknown`: no such task, or none of this host's: left alone, the database may have been restored from a backup.
 */
export type Verdict = 'applied' | 'old' | 'ended' | 'unknown';

export interface Decision {
  readonly changes: readonly TaskChange[];
  readonly events: readonly NewEvent[];
  /** One for each report, in the order given. */
  readonly verdicts: readonly Verdict[];
}

export function decideReports(known: ReadonlyMap<TaskId, KnownTask>, reports: readonly HostReport[]): Decision {
  const verdicts = reports.map(({ hostId, report }) => verdict(known.get(report.taskId), hostId, report));
  const newest = new Map<TaskId, TaskReport>();
  reports.forEach(({ report }, index) => {
    if (verdicts[index] !== 'applied') return;
    const other = newest.get(report.taskId);
    if (!other || supersedes(report, other)) newest.set(report.taskId, report);
  });
  const changes = [...newest.values()].map((report) => ({ report, ...stopOf(report, known.get(report.taskId)) }));
  const events = changes.flatMap((change) => {
    const task = known.get(change.report.taskId);
    return [...adjustEvents(change, task), ...newEvents(change, task)];
  });
  return { changes, events, verdicts };
}

function verdict(task: KnownTask | undefined, hostId: HostId, report: TaskReport): Verdict {
  if (!task || task.hostId !== hostId) return 'unknown';
  if (isTerminal(task.state)) return isTerminal(report.state) ? 'old' : 'ended';
  const isNews = report.version > task.reportVersion && stateRank(report.state) >= stateRank(task.state);
  return isNews ? 'applied' : 'old';
}

function supersedes(report: TaskReport, other: TaskReport): boolean {
  return report.version > other.version && stateRank(report.state) >= stateRank(other.state);
}

/** Why it stopped: what the agent says, else why it was to stop. */
function stopOf(report: TaskReport, task: KnownTask | undefined): { stopCode: StopCode | null; stopReason: string | null } {
  if (!isTerminal(report.state)) return { stopCode: null, stopReason: null };
  const stopCode = report.stopCode ?? task?.desiredStopCode ?? 'RuntimeFailed';
  return { stopCode, stopReason: report.stopReason ?? task?.desiredStopReason ?? stopCodes[stopCode].meaning };
}

function adjustEvents({ report }: TaskChange, task: KnownTask | undefined): NewEvent[] {
  if (!task) return [];
  return adjustNews(task.adjusted, task, report.adjusted).map((news) => ({ ...news, taskId: task.id, tenantId: task.tenantId, at: null }));
}

const reportable = ['starting', 'running', 'stopping', 'stopped'] as const;

/** An event for each state that is new, also for those that were passed through between two reports. */
function newEvents({ report, stopReason }: TaskChange, task: KnownTask | undefined): NewEvent[] {
  if (!task) return [];
  const reasons = {
    starting: 'the host prepares its containers',
    running: 'its containers run',
    stopping: report.stopReason ?? task.desiredStopReason ?? 'its containers are being stopped',
    stopped: stopReason ?? '',
  };
  return reportable
    .filter((state) => stateRank(state) > stateRank(task.state) && stateRank(state) <= stateRank(report.state))
    .filter((state) => state === report.state || report.reachedAt[state] !== undefined)
    .map((state) => ({
      taskId: task.id,
      tenantId: task.tenantId,
      type: state,
      at: report.reachedAt[state] ?? null,
      reason: reasons[state],
    }));
}
