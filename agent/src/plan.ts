// What is to be done next for one task. Pure: the record and what this life of the agent has seen go in, steps come
// out; steps.ts has the hands. Asked again after every step and every change, so a plan is never out of date.
import { isFrozen, openWish } from './adjust-record.js';
import { type ContainerRecord, isLive, type TaskRecord } from './state.js';

export type Step =
  /** What became of a container while nobody looked. */
  | { readonly kind: 'observe'; readonly container: string }
  | { readonly kind: 'prepare' }
  | { readonly kind: 'startContainer'; readonly container: string }
  | { readonly kind: 'stopContainer'; readonly container: string }
  | { readonly kind: 'killContainer'; readonly container: string }
  /** To carry out what was wished of its size, and whether it is frozen. */
  | { readonly kind: 'adjust' }
  | { readonly kind: 'thaw' }
  | { readonly kind: 'cleanup' }
  /** Nothing to do before this time, unless something happens. */
  | { readonly kind: 'wait'; readonly untilMs: number };

export interface View {
  readonly nowMs: number;
  /** The agent prepared the task in this life of its. */
  readonly prepared: boolean;
  /** Containers whose state the record does not vouch for: they must be looked at before anything is done to them. */
  readonly unseen: ReadonlySet<string>;
  /** From this time on no container is given the rest of its stop timeout. */
  readonly killFromMs?: number | undefined;
}

/** A process that SIGKILL did not end by then gets another. */
export const killAgainAfterMs = 10_000;

/** The next step, or none when the task only has to be left alone. */
export function nextStep(record: TaskRecord, view: View): Step | null {
  if (record.state === 'stopped') return null;
  const unseen = record.containers.find(({ name }) => view.unseen.has(name));
  if (unseen) return { kind: 'observe', container: unseen.name };
  if (record.stop) return isFrozen(record) ? { kind: 'thaw' } : nextToStop(record, view);
  return openWish(record) ? { kind: 'adjust' } : nextToRun(record, view);
}

/** Containers start in their order, one after the other. */
function nextToRun({ containers }: TaskRecord, { prepared }: View): Step | null {
  const next = containers.find(({ state }) => state === 'waiting');
  if (!next) return null;
  return prepared ? { kind: 'startContainer', container: next.name } : { kind: 'prepare' };
}

/** And stop in the reverse order: whoever was started first may be needed by those after it. */
function nextToStop({ containers }: TaskRecord, view: View): Step {
  const last = containers.findLast(isLive);
  return last ? nextToEnd(last, view) : { kind: 'cleanup' };
}

function nextToEnd({ name, stopSentAtMs, killSentAtMs, stopTimeoutMs }: ContainerRecord, { nowMs, killFromMs = Infinity }: View): Step {
  if (stopSentAtMs === null) return { kind: 'stopContainer', container: name };
  const killAtMs = killSentAtMs === null ? Math.min(stopSentAtMs + stopTimeoutMs, killFromMs) : killSentAtMs + killAgainAfterMs;
  return nowMs >= killAtMs ? { kind: 'killContainer', container: name } : { kind: 'wait', untilMs: killAtMs };
}
