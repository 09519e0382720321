// From POST to the process running, by the time that the process itself writes. One task after the other, with a warm
// image, in turns with crun alone and Docker, so that all of them meet the same machine.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Task } from '@berth/contract';
import type { Berth } from './berth.js';
import { nowMs, timeWritten, writeTheTime } from './clock.js';
import { prepareDocker } from './docker.js';
import type { BenchOptions } from './options.js';
import { printProfile, type Start } from './profile.js';
import { prepareCrun } from './raw-crun.js';
import { printResult, printTable, type Row } from './report.js';
import { type Latency, latency, round } from './statistics.js';

/** Whatever the one before left to do on this machine is done by then. */
const settleMs = 150;
const warmUps = 3;

export async function benchStart(berth: Berth, options: BenchOptions): Promise<void> {
  const crun = await prepareCrun(berth.registry, options.image);
  const docker = await prepareDocker(crun.rootfs);
  try {
    const starts: Start[] = [];
    const crunMs: number[] = [];
    const dockerMs: number[] = [];
    for (let run = -warmUps; run < options.runs; run += 1) {
      await sleep(settleMs);
      const start = await startTask(berth, options);
      await sleep(settleMs);
      const byCrun = await timed(crun.once);
      if (docker) await sleep(settleMs);
      const byDocker = docker && (await timed(docker.once));
      if (run < 0) continue;
      starts.push(start);
      crunMs.push(byCrun);
      if (byDocker !== null) dockerMs.push(byDocker);
    }
    report(starts, crunMs, docker ? dockerMs : null, options);
  } finally {
    await docker?.close();
    crun.close();
  }
}

async function startTask(berth: Berth, options: BenchOptions): Promise<Start> {
  const container = { name: 'main', image: options.image, command: [...writeTheTime] };
  const definition = { family: 'bench-start', cpuMillis: options.cpuMillis, memoryMiB: options.memoryMiB, containers: [container] };
  const postedAtMs = nowMs();
  const [task] = await berth.runTasks({ definition });
  const answeredAtMs = nowMs();
  if (!task) throw new Error('No task was made.');
  const ended = await untilStopped(berth, task.id);
  if (ended.containers[0]?.exitCode !== 0) throw new Error(`Task ${task.id} did not run: ${ended.stopCode} ${ended.stopReason}`);
  const runningAtMs = timeWritten(await berth.log(task.id));
  return { postedAtMs, answeredAtMs, runningAtMs, task: ended, events: await berth.events(task.id) };
}

/** Looks first when most tasks have ended: asking meanwhile would take from the processor that is measured. */
async function untilStopped(berth: Berth, id: string): Promise<Task> {
  const giveUpAt = nowMs() + 30_000;
  for (await sleep(200); nowMs() < giveUpAt; await sleep(50)) {
    const task = await berth.get<Task>(`/v1/tasks/${id}`);
    if (task.state === 'stopped') return task;
  }
  throw new Error(`Task ${id} has not stopped within 30 s.`);
}

async function timed(once: (args: readonly string[]) => Promise<string>): Promise<number> {
  const begunAtMs = nowMs();
  return timeWritten(await once(writeTheTime)) - begunAtMs;
}

function report(starts: readonly Start[], crunMs: readonly number[], dockerMs: readonly number[] | null, options: BenchOptions): void {
  const berth = latency(starts.map((start) => start.runningAtMs - start.postedAtMs));
  const crun = latency(crunMs);
  const docker = dockerMs && latency(dockerMs);
  const ratioToCrun = round(berth.p50Ms / crun.p50Ms);
  const ratioToDocker = docker && round(berth.p50Ms / docker.p50Ms);
  const row = (name: string, { p50Ms, p99Ms }: Latency): Row => [
    name,
    p50Ms.toFixed(1),
    p99Ms.toFixed(1),
    `${(p50Ms / crun.p50Ms).toFixed(2)} ×`,
  ];
  printTable(
    [`start, ${options.runs} runs`, 'p50 ms', 'p99 ms', 'p50 to crun'],
    [row('berth, POST to process', berth), row('crun run', crun), ...(docker ? [row('docker run', docker)] : [])],
  );
  if (options.profile) printProfile(starts);
  printResult({ berth, crun, docker, ratioToCrun, ratioToDocker }, options.json);
}
