// Many tasks posted at once: how many a second until all have ended with 0, beside crun alone, four at a time, and a job
// of a Docker Swarm service where there is a swarm.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Task } from '@berth/contract';
import type { Berth } from './berth.js';
import { nowMs } from './clock.js';
import { prepareDocker } from './docker.js';
import type { BenchOptions } from './options.js';
import { prepareCrun } from './raw-crun.js';
import { printResult, printTable, type Row } from './report.js';
import { percentile, round } from './statistics.js';

const crunAtATime = 4;
const command = ['true'];

export async function benchBurst(berth: Berth, options: BenchOptions): Promise<void> {
  const crun = await prepareCrun(berth.registry, options.image);
  const docker = await prepareDocker(crun.rootfs);
  try {
    await crun.many(command, crunAtATime, crunAtATime);
    await runBurst(berth, { ...options, runs: 4 });
    await sleep(1000);
    const begunAtMs = nowMs();
    await crun.many(command, options.runs, crunAtATime);
    const crunPerSecond = perSecond(options.runs, begunAtMs);
    await sleep(1000);
    const { tasks, rate } = await runBurst(berth, options);
    await sleep(1000);
    const swarmBegunAtMs = nowMs();
    const swarmPerSecond = (await docker?.swarmJob(command, options.runs)) ? perSecond(options.runs, swarmBegunAtMs) : null;
    report({ berth: rate, crun: crunPerSecond, swarm: swarmPerSecond }, tasks, options);
  } finally {
    await docker?.close();
    crun.close();
  }
}

async function runBurst(berth: Berth, { runs, image, cpuMillis, memoryMiB }: BenchOptions): Promise<{ tasks: Task[]; rate: number }> {
  const burst = randomUUID();
  const definition = { family: 'bench-burst', cpuMillis, memoryMiB, containers: [{ name: 'main', image, command }] };
  const begunAtMs = nowMs();
  const submitted = await berth.runTasks({ definition, count: runs, tags: { burst } });
  await untilLastStopped(berth, submitted);
  const tasks = await untilAllStopped(berth, burst, runs);
  const rate = perSecond(runs, begunAtMs);
  const failed = tasks.find((task) => task.containers[0]?.exitCode !== 0);
  if (failed) throw new Error(`Task ${failed.id} did not run: ${failed.stopCode} ${failed.stopReason}`);
  return { tasks, rate };
}

/** Tasks end about in the order in which they came. To look at all of them all the time would take from what is measured. */
async function untilLastStopped(berth: Berth, tasks: readonly Task[]): Promise<void> {
  const last = tasks.at(-1);
  const giveUpAt = nowMs() + 300_000;
  while (last && nowMs() < giveUpAt && (await berth.get<Task>(`/v1/tasks/${last.id}`)).state !== 'stopped') await sleep(50);
}

async function untilAllStopped(berth: Berth, burst: string, count: number): Promise<Task[]> {
  const giveUpAt = nowMs() + 300_000;
  const query = new URLSearchParams({ tag: `burst=${burst}`, state: 'stopped', limit: '500' });
  while (nowMs() < giveUpAt) {
    const tasks: Task[] = [];
    let cursor: string | null = '';
    do {
      const page: { items: Task[]; nextCursor: string | null } = await berth.get(
        `/v1/tasks?${query}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`,
      );
      tasks.push(...page.items);
      cursor = page.nextCursor;
    } while (cursor !== null);
    if (tasks.length === count) return tasks;
    await sleep(50);
  }
  throw new Error(`Not all ${count} tasks have stopped within five minutes.`);
}

function perSecond(count: number, begunAtMs: number): number {
  return round((count * 1000) / (nowMs() - begunAtMs));
}

interface Rates {
  readonly berth: number;
  readonly crun: number;
  readonly swarm: number | null;
}

function report({ berth, crun, swarm }: Rates, tasks: readonly Task[], { runs, json, profile }: BenchOptions): void {
  const row = (name: string, rate: number): Row => [name, rate.toFixed(1), `${(rate / crun).toFixed(2)} ×`];
  printTable(
    [`burst, ${runs} tasks`, 'a second', 'to crun'],
    [
      row('berth', berth),
      row(`crun run, ${crunAtATime} at a time`, crun),
      ...(swarm === null ? [] : [row('a job of a Swarm service', swarm)]),
    ],
  );
  if (profile) printWaits(tasks);
  const ofSwarm = swarm === null ? {} : { swarm: { perSecond: swarm }, ratioToSwarm: round(berth / swarm) };
  printResult({ berth: { perSecond: berth }, crun: { perSecond: crun }, ratio: round(berth / crun), ...ofSwarm }, json);
}

/** What a task of the burst waits for: its place, its turn on the host, its run. */
function printWaits(tasks: readonly Task[]): void {
  const span = (name: string, from: (task: Task) => string | null, to: (task: Task) => string | null) => {
    const samples = tasks.map((task) => Date.parse(to(task) ?? '') - Date.parse(from(task) ?? '')).filter(Number.isFinite);
    return [name, ...[0.5, 0.99].map((share) => percentile(samples, share).toFixed(0))] as const;
  };
  process.stdout.write('\n');
  printTable(
    ['each task', 'p50 ms', 'p99 ms'],
    [
      span(
        'posted until placed',
        (task) => task.createdAt,
        (task) => task.placedAt,
      ),
      span(
        'placed until running',
        (task) => task.placedAt,
        (task) => task.startedAt,
      ),
      span(
        'running until stopped',
        (task) => task.startedAt,
        (task) => task.stoppedAt,
      ),
    ],
  );
  process.stdout.write('\n');
}
