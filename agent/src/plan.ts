// What is to be done next for one task. Pure: the record and what this life of the agent has seen go in, steps come
// out; steps.ts has the hands. Asked again after every step and every change, so a plan is never out of date.
import { isFrozen, openWish } from './adjust-record.js';
import { liveDependents, readinessOf } from './dependencies.js';
import { type ContainerRecord, isLive, type TaskRecord } from './state.js';

export type Step =
  /** What became of a container while nobody looked. */
  | { readonly kind: 'observe'; readonly container: string }
  | { readonly kind: 'prepare' }
  /** To take away what its former attempt has left on the host. */
  | { readonly kind: 'clearContainer'; readonly container: string }
  | { readonly kind: 'startContainer'; readonly container: string }
  | { readonly kind: 'stopContainer'; readonly container: string }
  | { readonly kind: 'killContainer'; readonly container: string }
  /** To carry out what was wished of its size, and whether it is frozen. */
  | { readonly kind: 'adjust' }
  | { readonly kind: 'thaw' }
  /** The task has come to an end that nobody asked for. */
  | { readonly kind: 'giveUp'; readonly stop: NonNullable<TaskRecord['stop']> }
  | { readonly kind: 'cleanup' };

export interface Plan {
  /** To be begun now, side by side: each is about another container, or there is one about the task. */
  readonly steps: readonly Step[];
  /** When to plan again even if nothing happens; null: never. */
  readonly againAtMs: number | null;
}

export interface View {
  readonly nowMs: number;
  /** The agent prepared the task in this life of its. */
  readonly prepared: boolean;
  /** Containers whose state the record does not vouch for: they must be looked at before anything is done to them. */
  readonly unseen: ReadonlySet<string>;
  /** Subjects (`subjectOf`) of steps that were begun and have not ended. */
  readonly busy: ReadonlySet<string>;
  /** From this time on no container is given the rest of its stop timeout. */
  readonly killFromMs?: number | undefined;
}

type Next = Step | { readonly kind: 'wait'; readonly untilMs: number };

/** The subject of steps that are about the task. No container can have this name. */
export const wholeTask = '*';

/** A process that SIGKILL did not end by then gets another. */
export const killAgainAfterMs = 10_000;

export function subjectOf(step: Step): string {
  return 'container' in step ? step.container : wholeTask;
}

/** An empty plan when the task only has to be left alone. */
export function planFor(record: TaskRecord, view: View): Plan {
  if (record.state === 'stopped' || view.busy.has(wholeTask)) return { steps: [], againAtMs: null };
  const looks = record.containers
    .filter(({ name }) => view.unseen.has(name))
    .map(({ name }) => ({ kind: 'observe', container: name }) as const);
  return toPlan([...looks, ...(record.stop ? toStop(record, view) : looks.length > 0 ? [] : toRun(record, view))], view);
}

/** What is about the task waits until nothing else is under way, and nothing is begun meanwhile. */
function toPlan(next: readonly Next[], { busy }: View): Plan {
  const waits = next.flatMap((each) => (each.kind === 'wait' ? each.untilMs : []));
  const due = next.filter((each): each is Step => each.kind !== 'wait').filter((step) => !busy.has(subjectOf(step)));
  const ofTask = due.find((step) => subjectOf(step) === wholeTask);
  const ofTaskNow = ofTask && busy.size === 0 ? [ofTask] : [];
  return { steps: ofTask ? ofTaskNow : due, againAtMs: waits.length > 0 ? Math.min(...waits) : null };
}

function toRun(record: TaskRecord, view: View): Next[] {
  if (openWish(record)) return [{ kind: 'adjust' }];
  // Nothing can be started in a frozen task, nor ended by a signal.
  if (isFrozen(record)) return lifeLimit(record, view);
  return [...lifeLimit(record, view), ...record.containers.flatMap((container) => toGoOn(container, record, view) ?? [])];
}

function lifeLimit({ spec, ranFromMs }: TaskRecord, { nowMs }: View): Next[] {
  const seconds = spec?.maxRunTimeSeconds ?? null;
  if (seconds === null || ranFromMs === null) return [];
  const untilMs = ranFromMs + seconds * 1000;
  if (nowMs < untilMs) return [{ kind: 'wait', untilMs }];
  return [{ kind: 'giveUp', stop: { code: 'MaxRunTimeExceeded', reason: `It ran for its maximum of ${seconds} s.` } }];
}

function toGoOn(container: ContainerRecord, record: TaskRecord, view: View): Next | null {
  switch (container.state) {
    case 'waiting':
      return toStart(container, record, view);
    case 'running':
      return isToEnd(container, record) ? toEnd(container, view) : null;
    case 'starting':
    case 'exited':
      return null;
    default:
      return container.state satisfies never;
  }
}

function toStart(container: ContainerRecord, record: TaskRecord, { nowMs, prepared }: View): Next | null {
  const { name, cleared, nextStartAtMs } = container;
  if (!cleared) return { kind: 'clearContainer', container: name };
  if (nextStartAtMs !== null && nowMs < nextStartAtMs) return { kind: 'wait', untilMs: nextStartAtMs };
  const readiness = readinessOf(container, record, nowMs);
  if (readiness.is === 'never') return { kind: 'giveUp', stop: { code: readiness.code, reason: readiness.reason } };
  if (readiness.is === 'waiting') return readiness.untilMs === null ? null : { kind: 'wait', untilMs: readiness.untilMs };
  return prepared ? { kind: 'startContainer', container: name } : { kind: 'prepare' };
}

/** An unhealthy container is ended if it will be started again for that; without a policy it runs on, and is told of. */
function isToEnd({ name, health, stopSentAtMs }: ContainerRecord, record: TaskRecord): boolean {
  const policy = record.spec?.containers.find((container) => container.name === name)?.restartPolicy;
  return stopSentAtMs !== null || (health === 'unhealthy' && policy != null);
}

/** Whoever others depend on stops after them. Circles are refused before, but must not hold up an end. */
function toStop(record: TaskRecord, view: View): Next[] {
  const live = record.containers.filter(isLive);
  if (live.length === 0) return [{ kind: 'cleanup' }];
  if (isFrozen(record)) return [{ kind: 'thaw' }];
  const unneeded = live.filter(({ name }) => liveDependents(name, record, isLive).length === 0);
  return (unneeded.length > 0 ? unneeded : live)
    .filter(({ name, state }) => state === 'running' && !view.unseen.has(name))
    .map((each) => toEnd(each, view));
}

function toEnd({ name, stopSentAtMs, killSentAtMs, stopTimeoutMs }: ContainerRecord, { nowMs, killFromMs = Infinity }: View): Next {
  if (stopSentAtMs === null) return { kind: 'stopContainer', container: name };
  const killAtMs = killSentAtMs === null ? Math.min(stopSentAtMs + stopTimeoutMs, killFromMs) : killSentAtMs + killAgainAfterMs;
  return nowMs >= killAtMs ? { kind: 'killContainer', container: name } : { kind: 'wait', untilMs: killAtMs };
}
