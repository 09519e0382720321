// Asks containers that have a health check how they are, each on its own timer, and journals when the answer changes.
// What a change leads to is the planner's business.
import type { ContainerSpec, HealthCheck, TaskId } from '@berth/contract';
import type { Logger } from 'pino';
import { isFrozen } from './adjust-record.js';
import type { Clock } from './clock.js';
import type { TaskEntry } from './entries.js';
import { type CheckMemory, judge, newCheckMemory, nextCheckInMs } from './health.js';
import type { Journal } from './journal.js';
import type { CheckResult, Runtime } from './runtime/runtime.js';
import type { ContainerRecord, TaskRecord } from './state.js';

export interface HealthChecks {
  /** The task's record changed: begins and ends checks as it needs. */
  follow(taskId: TaskId): void;
  close(): void;
}

interface Dependencies {
  readonly runtime: Runtime;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly log: Logger;
  /** Journals an entry and sees to what follows. */
  note(entry: TaskEntry): void;
}

/** The checks of one attempt of one container. */
interface Round {
  readonly attempt: number;
  readonly end: AbortController;
  memory: CheckMemory;
  timer: NodeJS.Timeout | undefined;
}

export function createHealthChecks({ runtime, journal, clock, log, note }: Dependencies): HealthChecks {
  const rounds = new Map<TaskId, Map<string, Round>>();

  function recordOf(taskId: TaskId, name: string): ContainerRecord | undefined {
    return journal.state.tasks.get(taskId)?.containers.find((container) => container.name === name);
  }

  function begin(taskId: TaskId, spec: ContainerSpec, check: HealthCheck, container: ContainerRecord): Round {
    const memory = newCheckMemory(container.startedAtMs ?? clock.now());
    const round: Round = { attempt: container.attempt, end: new AbortController(), memory, timer: undefined };
    // After a restart of the agent all of its containers begin at once: they must not be asked at once for ever after.
    const spread = container.health === 'unknown' ? 1 : Math.random();
    schedule(taskId, spec, check, round, spread * nextCheckInMs(check, memory, container.health));
    return round;
  }

  function schedule(taskId: TaskId, spec: ContainerSpec, check: HealthCheck, round: Round, inMs: number): void {
    round.timer = setTimeout(() => void ask(taskId, spec, check, round), inMs);
    round.timer.unref();
  }

  async function ask(taskId: TaskId, spec: ContainerSpec, check: HealthCheck, round: Round): Promise<void> {
    const result = await answerOf(taskId, spec, check, round);
    const container = recordOf(taskId, spec.name);
    if (round.end.signal.aborted || container?.startedAtMs == null) return;
    const answer = { ok: result.ok, atMs: clock.now(), startedAtMs: container.startedAtMs };
    const { memory, health } = judge(check, round.memory, container.health, answer);
    round.memory = memory;
    schedule(taskId, spec, check, round, nextCheckInMs(check, memory, health));
    if (health === container.health) return;
    const reason = result.ok ? null : result.detail;
    log.info({ taskId, container: spec.name, health, reason }, `container ${health}`);
    note({ kind: 'container-health', taskId, container: spec.name, atMs: answer.atMs, attempt: round.attempt, health, reason });
  }

  async function answerOf(taskId: TaskId, spec: ContainerSpec, check: HealthCheck, round: Round): Promise<CheckResult> {
    try {
      return await runtime.check(taskId, spec.name, check, round.end.signal);
    } catch (error) {
      if (!round.end.signal.aborted) log.warn({ taskId, container: spec.name, err: error }, 'a health check could not be made');
      return { ok: false, detail: 'the check could not be made' };
    }
  }

  function stop(round: Round | undefined): void {
    clearTimeout(round?.timer);
    round?.end.abort();
  }

  return {
    follow(taskId) {
      const record = journal.state.tasks.get(taskId);
      const checked = record?.spec?.containers.filter(({ healthCheck }) => healthCheck !== null) ?? [];
      const ofTask = rounds.get(taskId) ?? new Map<string, Round>();
      for (const spec of checked) {
        const container = recordOf(taskId, spec.name);
        const wanted = container && record && isAsked(record, container) ? container : null;
        const round = ofTask.get(spec.name);
        if (round?.attempt === wanted?.attempt) continue;
        stop(round);
        if (wanted && spec.healthCheck) ofTask.set(spec.name, begin(taskId, spec, spec.healthCheck, wanted));
        else ofTask.delete(spec.name);
      }
      if (!record) for (const round of ofTask.values()) stop(round);
      if (record && ofTask.size > 0) rounds.set(taskId, ofTask);
      else rounds.delete(taskId);
    },
    close() {
      for (const ofTask of rounds.values()) for (const round of ofTask.values()) stop(round);
      rounds.clear();
    },
  };
}

function isAsked(record: TaskRecord, { state, stopSentAtMs }: ContainerRecord): boolean {
  return state === 'running' && stopSentAtMs === null && record.stop === null && !isFrozen(record);
}
