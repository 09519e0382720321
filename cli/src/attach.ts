// Staying with tasks until they end: shows what they wait for, streams what they write, stops them on Ctrl-C.
import { type LogLine, stateRank, type Task } from '@berth/contract';
import { type Api } from './client.js';
import { exitCodes } from './exit-codes.js';
import { inert } from './format.js';
import { followTask } from './live-logs.js';
import { plainOutput, prefixedOutput } from './log-output.js';
import { describeEnd } from './task-end.js';
import { stopTask, untilStopped } from './tasks.js';
import { interactive, note, print, type Spinner, spinner, write } from './terminal.js';

interface Options {
  readonly output: 'table' | 'json';
  /** Milliseconds, from now. */
  readonly timeout?: number;
}

export interface Attached {
  readonly tasks: readonly Task[];
  readonly timedOut: boolean;
}

/** Logs followed at a time; the others' are printed as these end. */
const parallelLogs = 32;

/** @returns the stopped tasks in their order. Ends the process when interrupted a second time. */
export async function attach(api: Api, tasks: readonly Task[], { output, timeout }: Options): Promise<Attached> {
  const ids = tasks.map((task) => task.id);
  const stopAll = (reason: string) => Promise.all(ids.map((id) => stopTask(api, id, reason)));
  const signals = onInterrupt(() => stopAll('Interrupted at the command line.'), ids.length);
  let timedOut = false;
  const timer = setTimeout(
    () => {
      timedOut = true;
      note('berth: the time is up; stopping.');
      stopAll('Its --timeout at the command line was over.').catch(fatal);
    },
    timeout ?? 2 ** 31 - 1,
  );
  const wheel = spinner();
  const waiting = showWaiting(api, ids, wheel);
  try {
    const show = shower(output, ids.length > 1);
    await inParallel(ids, parallelLogs, (id) =>
      streamLog(api, id, (line) => {
        waiting.abort();
        wheel.stop();
        return show.line(id, line);
      }),
    );
    wheel.stop();
    await show.end();
    const ended = await untilStopped(api, ids);
    for (const task of ended) tell(task, ids.length > 1);
    return { tasks: ended, timedOut };
  } finally {
    waiting.abort();
    wheel.stop();
    clearTimeout(timer);
    signals.off();
  }
}

/** Shows what the first task waits for, until it has started or the caller aborts. */
function showWaiting(api: Api, [first = '']: readonly string[], wheel: Spinner): AbortController {
  const over = new AbortController();
  const begun = performance.now();
  const watch = async () => {
    for await (const { event, data } of await api.events(`/v1/tasks/${first}/watch`, {}, over.signal)) {
      if (event !== 'message') return;
      const task = JSON.parse(data) as Task;
      if (stateRank(task.state) >= stateRank('running')) return wheel.stop();
      // A log that nobody watches gets what needs doing something about, not every step.
      const text = interactive ? waitingFor(task) : task.pending && waitingFor(task);
      // Most tasks start sooner than anybody reads.
      if (text) setTimeout(() => over.signal.aborted || wheel.show(inert(text)), Math.max(0, begun + 400 - performance.now())).unref();
    }
  };
  // Only for the eye: when it fails, the log and the end of the task still come.
  watch().catch(() => wheel.stop());
  return over;
}

function waitingFor(task: Task): string {
  if (task.state === 'pending') return `waiting for a host: ${task.pending?.summary ?? 'not looked at yet'}`;
  return `starting on ${task.host?.name ?? 'its host'}`;
}

async function streamLog(api: Api, id: string, show: (line: LogLine) => Promise<void>): Promise<void> {
  try {
    for await (const line of followTask(api, id, {})) await show(line);
  } catch (error) {
    // The output is lost to us, not the task: its end and its exit code still count.
    note(`berth: the log of ${id.slice(0, 8)} cannot be followed: ${inert((error as Error).message)}`);
  }
}

function shower(output: 'table' | 'json', several: boolean) {
  if (output === 'json')
    return { line: (id: string, line: LogLine) => print(JSON.stringify({ taskId: id, ...line })), end: async () => {} };
  if (!several) {
    const plain = plainOutput(write);
    return { line: (_id: string, line: LogLine) => plain(line), end: async () => {} };
  }
  const prefixed = prefixedOutput(write);
  return { line: (id: string, line: LogLine) => prefixed.line(id.slice(0, 8), line), end: prefixed.end };
}

function tell(task: Task, several: boolean): void {
  const end = describeEnd(task);
  if (end !== null) note(`berth: ${several ? `${task.id.slice(0, 8)}: ` : ''}${inert(end)}`);
}

/** The first Ctrl-C stops the tasks and stays with them; the second leaves them to Berth. */
function onInterrupt(stop: () => Promise<unknown>, count: number): { off(): void } {
  let times = 0;
  const interrupt = () => {
    times += 1;
    if (times > 1) process.exit(exitCodes.interrupted);
    note(`berth: stopping ${count === 1 ? 'the task' : `${count} tasks`}; Ctrl-C again leaves at once.`);
    stop().catch(fatal);
  };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  return { off: () => process.off('SIGINT', interrupt).off('SIGTERM', interrupt) };
}

function fatal(error: unknown): void {
  note(`berth: stopping failed: ${inert((error as Error).message)}`);
  process.exit(exitCodes.failed);
}

async function inParallel<T>(items: readonly T[], width: number, work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const lane = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(width, queue.length) }, lane));
}
