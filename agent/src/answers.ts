// What the agent answers on streams that carry neither logs nor a session: statistics as they are measured, and the
// delivery of a signal. Frames are yielded as they go out; what throws ends the stream with its message.
import { setTimeout as sleep } from 'node:timers/promises';
import type { OpenStream, Signalled, StatsHistory, TaskStats } from '@berth/contract';
import { statsHistory } from '@berth/contract';
import type { Runtime } from './runtime/runtime.js';
import { statsOf } from './runtime/stats-rates.js';

type Request<K> = Extract<OpenStream['request'], { kind: K }>;

const everyMs = 1_000;

/** Ends when nothing of the task is on the host any more. */
export async function* statsFrames(
  runtime: Pick<Runtime, 'taskStats' | 'statsHistory'>,
  { taskId, mode }: Request<'stats'>,
  signal: AbortSignal,
): AsyncGenerator<TaskStats | StatsHistory> {
  if (mode === 'history') {
    yield { everySeconds: statsHistory.everyMs / 1000, items: runtime.statsHistory(taskId) };
    return;
  }
  let before = runtime.taskStats(taskId);
  while (before && !signal.aborted) {
    // Rates need two looks, so the first frame comes after a second, too.
    await sleep(everyMs, undefined, { signal }).catch(() => {});
    const now = runtime.taskStats(taskId);
    if (!now || signal.aborted) return;
    yield statsOf(now, before);
    if (mode === 'once') return;
    before = now;
  }
}

/** @param running names of the task's containers that run, as the record has them. */
export async function* signalFrames(
  runtime: Pick<Runtime, 'signal'>,
  { taskId, signal, container }: Request<'signal'>,
  running: readonly string[],
): AsyncGenerator<Signalled> {
  const delivered: string[] = [];
  for (const name of running) {
    if ((container === null || container === name) && (await runtime.signal(taskId, name, signal))) delivered.push(name);
  }
  yield { signal, containers: delivered };
}
