// How much two neighbours that use all the CPU they can get slow a task down: the same small piece of work again and
// again, first alone, then beside them. Both are measured in one run, on one Berth.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Task } from '@berth/contract';
import type { Berth } from './berth.js';
import { nowMs } from './clock.js';
import type { BenchOptions } from './options.js';
import { printResult, printTable, type Row } from './report.js';
import { type Latency, latency, round } from './statistics.js';

const neighbours = 2;
const secondsAtMost = 60;
/** Two to three milliseconds of work, then a rest, so that the task's own limit never stops it. */
const work = (times: number) =>
  `i=0; while [ $i -lt ${times} ]; do a=$EPOCHREALTIME; j=0; while [ $j -lt 2000 ]; do j=$((j+1)); done; echo "$a $EPOCHREALTIME"; i=$((i+1)); sleep 0.02; done`;

export async function benchNeighbours(berth: Berth, options: BenchOptions): Promise<void> {
  const alone = await measure(berth, options);
  const spinners = await startSpinners(berth, options);
  const beside = await measure(berth, options);
  for (const { id } of spinners) await berth.stop(id);
  const ratio = round(beside.p99Ms / alone.p99Ms);
  const row = (name: string, { p50Ms, p99Ms }: Latency): Row => [name, p50Ms.toFixed(2), p99Ms.toFixed(2)];
  printTable(
    [`a piece of work, ${options.runs} times`, 'p50 ms', 'p99 ms'],
    [row('alone', alone), row(`beside ${neighbours} that spin`, beside), ['beside to alone', '', `${ratio} ×`]],
  );
  printResult({ alone, beside, p99Ratio: ratio }, options.json);
}

async function startSpinners(berth: Berth, options: BenchOptions): Promise<Task[]> {
  const spinners = await run(berth, options, `timeout ${secondsAtMost} sh -c 'while :; do :; done'; exit 0`, neighbours);
  for (const { id } of spinners) await until(berth, id, 'running');
  return spinners;
}

async function measure(berth: Berth, options: BenchOptions): Promise<Latency> {
  const [task] = await run(berth, options, work(options.runs), 1);
  if (!task) throw new Error('No task was made.');
  await until(berth, task.id, 'stopped');
  const lines = (await berth.log(task.id)).trim().split('\n');
  return latency(lines.map(durationMs));
}

function durationMs(line: string): number {
  const [from = '', to = ''] = line.split(' ');
  return (Number(to) - Number(from)) * 1000;
}

async function run(berth: Berth, options: BenchOptions, script: string, count: number): Promise<Task[]> {
  const container = { name: 'main', image: options.image, command: ['sh', '-c', script] };
  const { cpuMillis, memoryMiB } = options;
  return berth.runTasks({ definition: { family: 'bench-neighbours', cpuMillis, memoryMiB, containers: [container] }, count });
}

async function until(berth: Berth, id: string, state: Task['state']): Promise<void> {
  for (const giveUpAt = nowMs() + secondsAtMost * 1000; nowMs() < giveUpAt; await sleep(200)) {
    if ((await berth.get<Task>(`/v1/tasks/${id}`)).state === state) return;
  }
  throw new Error(`Task ${id} was not ${state} within ${secondsAtMost} s.`);
}
