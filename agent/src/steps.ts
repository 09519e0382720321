// The hands of plan.ts: one executor for each kind of step. Each journals what it is about to do or has done, and
// decides nothing. What throws is tried again later by the task's loop.
import { type ContainerSpec, stopCodes, type TaskId, type TaskSpec } from '@berth/contract';
import { adjust, thaw } from './adjust.js';
import type { Clock } from './clock.js';
import type { TaskEntry } from './entries.js';
import type { Journal, JournalFault } from './journal.js';
import type { Step } from './plan.js';
import { type Exit, type Runtime, StartWithdrawn, TaskStartError } from './runtime/runtime.js';

export interface StepContext {
  readonly taskId: TaskId;
  readonly spec: TaskSpec;
  readonly runtime: Runtime;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly memory: TaskMemory;
  /** Fires when the task is to stop. */
  readonly stopWanted: AbortSignal;
  /** Journals an entry and tells of it. */
  note(entry: TaskEntry): void;
  noteExit(container: string, exit: Exit): void;
}

/** What the agent knows of a task in this life only. */
export interface TaskMemory {
  prepared: boolean;
  readonly unseen: Set<string>;
  /** When a container of it was last known to run. */
  seenAtMs: number;
  /** The containers that are being started right now, each with its exit if that comes before the news of its start. */
  readonly starting: Map<string, Exit | null>;
}

type Executors = {
  readonly [K in Step['kind']]: (context: StepContext, step: Extract<Step, { kind: K }>) => Promise<void>;
};

export const executors: Executors = {
  async prepare({ taskId, spec, runtime, clock, memory, stopWanted, note }) {
    note({ kind: 'preparing', taskId, atMs: clock.now() });
    try {
      const { address, ports, timings, pulled } = await runtime.prepare(spec, stopWanted);
      memory.prepared = true;
      note({ kind: 'prepared', taskId, atMs: clock.now(), address, ports, timings, ...(pulled && { pulled }) });
    } catch (error) {
      // The stop has its own reason, and has been noted.
      if (stopWanted.aborted) return;
      note(startFailed(taskId, clock.now(), error));
    }
  },

  async startContainer(context, { container }) {
    const { taskId, journal, clock, memory, note } = context;
    note({ kind: 'container-starting', taskId, container, atMs: clock.now(), attempt: attemptOf(context, container) + 1 });
    memory.starting.set(container, null);
    // Written down while the container is being made; it is let go when both are done.
    const written = timed(() => journal.durable());
    written.catch(() => {});
    const isToStop = () => journal.state.tasks.get(taskId)?.stop != null;
    try {
      await letGo(context, container, written, isToStop);
    } catch (error) {
      // A stop that came meanwhile comes before the start.
      if (error instanceof StartWithdrawn) return note({ kind: 'container-absent', taskId, container, atMs: clock.now() });
      note(startFailed(taskId, clock.now(), error));
      memory.unseen.add(container);
    } finally {
      memory.starting.delete(container);
    }
  },

  async clearContainer({ taskId, runtime, journal, clock, note }, { container }) {
    // The host is the only witness of how it ended, until the journal is.
    await journal.durable();
    await runtime.clearContainer(taskId, container);
    note({ kind: 'container-cleared', taskId, container, atMs: clock.now() });
  },

  async stopContainer({ taskId, spec, runtime, clock, note }, { container }) {
    await runtime.stopContainer(taskId, containerSpec(spec, container));
    note({ kind: 'stop-sent', taskId, container, atMs: clock.now() });
  },

  async killContainer({ taskId, runtime, clock, memory, note }, { container }) {
    await runtime.killContainer(taskId, container);
    note({ kind: 'kill-sent', taskId, container, atMs: clock.now() });
    memory.unseen.add(container);
  },

  async observe(context, { container }) {
    const { taskId, runtime, clock, memory, note, noteExit } = context;
    const observed = await runtime.observe(taskId, container);
    if (observed.is === 'absent') noteAbsent(context, container);
    if (observed.is === 'running') {
      memory.seenAtMs = clock.now();
      note({ kind: 'container-started', taskId, container, atMs: observed.startedAtMs, timings: {} });
    }
    if (observed.is === 'exited') noteExit(container, observed.exit);
    memory.unseen.delete(container);
  },

  adjust,
  thaw,

  async giveUp({ taskId, clock, note }, { stop }) {
    note({ kind: 'stop-wanted', taskId, atMs: clock.now(), ...stop });
  },

  async cleanup({ taskId, runtime, journal, clock, note }) {
    // The counter goes with the task: from then on the journal is the only witness. A full disk must not keep it from going.
    const bytes = runtime.egressBytes([taskId]).get(taskId);
    if (bytes !== undefined) {
      note({ kind: 'egress-read', taskId, atMs: clock.now(), bytes });
      await journal.durable().catch(() => {});
    }
    await runtime.cleanup(taskId);
    note({ kind: 'cleaned', taskId, atMs: clock.now() });
  },
};

export async function execute(context: StepContext, step: Step): Promise<void> {
  const executor = executors[step.kind] as (context: StepContext, step: Step) => Promise<void>;
  await executor(context, step);
}

/** @param written resolves with its milliseconds when the journal says that the container is to start */
async function letGo(context: StepContext, container: string, written: Promise<number>, isToStop: () => boolean): Promise<void> {
  const { taskId, spec, runtime, memory, note, noteExit } = context;
  const permit = async () => {
    await written.catch((error: JournalFault) => {
      throw new TaskStartError('HostRefused', error.message, { cause: error });
    });
    if (isToStop()) throw new StartWithdrawn();
  };
  const { startedAtMs, timings } = await runtime.startContainer(spec, containerSpec(spec, container), permit);
  note({ kind: 'container-started', taskId, container, atMs: startedAtMs, timings: { journal: await written, ...timings } });
  const earlyExit = memory.starting.get(container);
  if (earlyExit) noteExit(container, earlyExit);
}

function attemptOf({ taskId, journal }: StepContext, name: string): number {
  return journal.state.tasks.get(taskId)?.containers.find((container) => container.name === name)?.attempt ?? 0;
}

/** A container that was seen running can't be one that never ran: the runtime has lost it. */
function noteAbsent({ taskId, journal, clock, note, noteExit }: StepContext, container: string): void {
  const record = journal.state.tasks.get(taskId)?.containers.find(({ name }) => name === container);
  if (record?.state === 'running') {
    const runtimeFailure = 'the host has lost track of it';
    noteExit(container, { exitCode: 255, signal: null, oomKilled: false, finishedAtMs: null, runtimeFailure });
  } else {
    note({ kind: 'container-absent', taskId, container, atMs: clock.now() });
  }
}

function startFailed(taskId: TaskId, atMs: number, error: unknown): TaskEntry {
  if (error instanceof TaskStartError) return { kind: 'start-failed', taskId, atMs, code: error.stopCode, reason: error.message };
  const detail = error instanceof Error ? error.message : String(error);
  return { kind: 'start-failed', taskId, atMs, code: 'RuntimeFailed', reason: `${stopCodes.RuntimeFailed.meaning} ${detail}` };
}

function containerSpec(spec: TaskSpec, name: string): ContainerSpec {
  const found = spec.containers.find((container) => container.name === name);
  if (!found) throw new Error(`The task has no container ${name}.`);
  return found;
}

async function timed(work: () => Promise<void>): Promise<number> {
  const beganMs = performance.now();
  await work();
  return performance.now() - beganMs;
}
