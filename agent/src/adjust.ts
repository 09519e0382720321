// Carries out what was wished of a running task: its size and whether it is frozen. What the host cannot do is answered
// with the reason, and what held before still holds.
import type { Adjusted, Capacity, TaskWish } from '@berth/contract';
import { isFrozen, openWish } from './adjust-record.js';
import { committed } from './admission.js';
import { AdjustRefusedError } from './runtime/runtime.js';
import type { TaskRecord } from './state.js';
import type { StepContext } from './steps.js';

/** Safe to repeat: the agent may be killed between the change and its note. */
export async function adjust({ taskId, runtime, journal, clock, note }: StepContext): Promise<void> {
  const record = journal.state.tasks.get(taskId);
  const wish = record && openWish(record);
  if (!record?.spec || !wish) return;
  const before: Adjusted = { ...sizeOf(record), version: wish.version, frozen: isFrozen(record), refusal: null };
  const refused = (reason: string) => note({ kind: 'adjusted', taskId, atMs: clock.now(), adjusted: { ...before, refusal: reason } });
  const reason = lackOf(wish, record, committed(journal.state), runtime.facts.capacity);
  if (reason !== null) return refused(reason);
  // What is let go may end at once.
  const letGoAtMs = before.frozen && !wish.frozen ? clock.now() : null;
  try {
    await runtime.resize({ ...record.spec, cpuMillis: wish.cpuMillis, memoryMiB: wish.memoryMiB });
    await runtime.setFrozen(taskId, wish.frozen);
  } catch (error) {
    if (!(error instanceof AdjustRefusedError)) throw error;
    return refused(error.message);
  }
  note({ kind: 'adjusted', taskId, atMs: letGoAtMs ?? clock.now(), adjusted: { ...wish, refusal: null } });
}

/** Before it is stopped: a frozen process takes no signal but SIGKILL, and with cgroup v1 not even that. */
export async function thaw({ taskId, runtime, clock, note }: StepContext): Promise<void> {
  // What is let go may end at once.
  const atMs = clock.now();
  await runtime.setFrozen(taskId, false);
  note({ kind: 'thawed', taskId, atMs });
}

/** The control plane has looked, but the host has the last word. Pure. @returns why not, or null. */
export function lackOf(wish: TaskWish, { spec }: TaskRecord, held: Capacity, capacity: Capacity): string | null {
  for (const [what, unit] of [
    ['cpuMillis', 'CPU millis'],
    ['memoryMiB', 'MiB'],
  ] as const) {
    const has = spec?.[what] ?? 0;
    const free = Math.max(0, capacity[what] - (held[what] - has));
    if (wish[what] > has && wish[what] > free) return `The host can give it ${free} ${unit} at most; it was to have ${wish[what]}.`;
    const larger = spec?.containers.find((container) => (container[what] ?? 0) > wish[what]);
    if (larger) return `The container ${larger.name} has a limit of ${larger[what]} ${unit} of its own, more than ${wish[what]}.`;
  }
  return null;
}

function sizeOf({ spec }: TaskRecord): { cpuMillis: number; memoryMiB: number } {
  return { cpuMillis: spec?.cpuMillis ?? 0, memoryMiB: spec?.memoryMiB ?? 0 };
}
