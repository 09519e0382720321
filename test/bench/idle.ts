// What the programs of a host cost when its tasks do nothing: memory and CPU of the agent and of the keeper of the
// containers, by /proc, while all tasks sleep. For the Berth that runs on this machine.
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Task } from '@berth/contract';
import type { Berth } from './berth.js';
import { nowMs } from './clock.js';
import type { BenchOptions } from './options.js';
import { printResult, printTable } from './report.js';
import { round } from './statistics.js';

/** After so long nothing of the start is going on any more. */
const settleMs = 20_000;
const measuredMs = 60_000;
/** So that as many fit as are asked for. */
const ephemeralStorageMiB = 64;
const startedWithinMs = 180_000;
/** Of /proc/<pid>/stat, whatever the kernel's own ticks are (proc(5), USER_HZ). */
const ticksPerSecond = 100;

const programs = { agent: /agent\/(bin\/\.\.\/)?(dist|src)\/main\.[jt]s/, keeper: /keeper\/main\.[jt]s/ } as const;
type Program = keyof typeof programs;

export async function benchIdle(berth: Berth, options: BenchOptions): Promise<void> {
  const { runs, image, cpuMillis, memoryMiB } = options;
  const container = { name: 'main', image, command: ['sleep', '3600'] };
  const definition = { family: 'bench-idle', ephemeralStorageMiB };
  const tasks = await berth.runTasks({ definition: { ...definition, cpuMillis, memoryMiB, containers: [container] }, count: runs });
  try {
    await untilAllRun(berth, tasks);
    await sleep(settleMs);
    const pids = Object.entries(programs).map(([name, pattern]) => ({ name: name as Program, pid: pidOf(pattern) }));
    const before = pids.map(({ pid }) => cpuMs(pid));
    const beganAtMs = nowMs();
    await sleep(measuredMs);
    const tookMs = nowMs() - beganAtMs;
    const results = pids.map(({ name, pid }, index) => ({
      name,
      rssMiB: round(residentMiB(pid)),
      cpuPercent: round(((cpuMs(pid) - (before[index] ?? 0)) / tookMs) * 100),
    }));
    report(results, options);
  } finally {
    for (const { id } of tasks) await berth.stop(id);
  }
}

async function untilAllRun(berth: Berth, tasks: readonly Task[]): Promise<void> {
  const giveUpAt = nowMs() + startedWithinMs;
  for (const { id } of tasks) {
    for (;;) {
      const { state, stopReason } = await berth.get<Task>(`/v1/tasks/${id}`);
      if (state === 'running') break;
      if (state === 'stopped' || nowMs() > giveUpAt) throw new Error(`Task ${id} does not run: ${stopReason ?? state}`);
      await sleep(100);
    }
  }
}

/** The newest, for an agent that was restarted leaves its keeper. */
function pidOf(pattern: RegExp): number {
  const found = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && pattern.test(commandOf(name)))
    .map(Number);
  const newest = found.sort((a, b) => startedAt(b) - startedAt(a))[0];
  if (newest === undefined) throw new Error(`No process like ${pattern} runs here.`);
  return newest;
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

/** Fields 3 and on of proc(5)'s stat: the second, the name, may have spaces in it. */
function statOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
    .map(Number);
}

function startedAt(pid: number): number {
  return statOf(pid)[19] ?? 0;
}

/** With the programs that it has started and that have ended. */
function cpuMs(pid: number): number {
  const ticks = statOf(pid)
    .slice(11, 15)
    .reduce((sum, part) => sum + part, 0);
  return (ticks * 1000) / ticksPerSecond;
}

function residentMiB(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

function report(
  results: readonly { readonly name: Program; readonly rssMiB: number; readonly cpuPercent: number }[],
  { runs, json }: BenchOptions,
): void {
  printTable(
    [`${runs} tasks that sleep`, 'resident MiB', 'CPU %'],
    results.map(({ name, rssMiB, cpuPercent }) => [name, rssMiB.toFixed(1), cpuPercent.toFixed(2)]),
  );
  const byName = Object.fromEntries(results.map(({ name, rssMiB, cpuPercent }) => [name, { rssMiB, cpuPercent }]));
  printResult({ tasks: runs, ...byName }, json);
}
