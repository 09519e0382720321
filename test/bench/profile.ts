// Where the time of a start goes: from the task's own events and the agent's timings.
import type { Task, TaskEvent } from '@berth/contract';
import { printTable, type Row } from './report.js';
import { percentile } from './statistics.js';

export interface Start {
  readonly postedAtMs: number;
  readonly answeredAtMs: number;
  /** What the container wrote. */
  readonly runningAtMs: number;
  readonly task: Task;
  readonly events: readonly TaskEvent[];
}

/** A step's name and its milliseconds. The control plane's times are whole milliseconds. */
export function stepsOf({ postedAtMs, answeredAtMs, runningAtMs, task, events }: Start): Map<string, number> {
  const at = (type: string) => Date.parse(events.find((event) => event.type === type)?.at ?? '');
  const created = Date.parse(task.createdAt);
  const placed = task.placedAt ? Date.parse(task.placedAt) : Number.NaN;
  const steps: [string, number][] = [
    ['POST until committed', created - postedAtMs],
    ['POST until answered', answeredAtMs - postedAtMs],
    ['committed until placed', placed - created],
    ['placed until the agent starts', at('starting') - placed],
    ['placed until the process runs', runningAtMs - placed],
    ...Object.entries(task.startTimings ?? {}).map(([name, ms]): [string, number] => [`on the host: ${name}`, ms]),
    ['in all', runningAtMs - postedAtMs],
  ];
  return new Map(steps.filter(([, ms]) => Number.isFinite(ms)));
}

export function printProfile(starts: readonly Start[]): void {
  const steps = starts.map(stepsOf);
  const names = [...new Set(steps.flatMap((one) => [...one.keys()]))];
  const rows = names.map((name): Row => {
    const samples = steps.flatMap((one) => one.get(name) ?? []);
    return [name, percentile(samples, 0.5).toFixed(1), percentile(samples, 0.99).toFixed(1)];
  });
  process.stdout.write('\n');
  printTable(['step', 'p50 ms', 'p99 ms'], rows);
  process.stdout.write('\n');
}
