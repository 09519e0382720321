// `npm run bench -- durable`: how many tasks a second the whole control plane takes from POST to “running”, every step of
// it in PostgreSQL with fsync, agents and containers simulated; then how long one takes at a steady rate; then what many
// idle agents cost. docs/placement.md tells how to read it. Run `npm run build` first.
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Plane, startPlane } from './durable/plane.js';
import { printResult, printTable } from './report.js';
import { percentile, round } from './statistics.js';

const perRequest = 1000;
const requestsAtOnce = 2;
const arrivalsPerSecond = 200;
const pollMs = 10;
const idleMs = 20_000;

/** @throws Error when the words are wrong, or something of it fails. */
export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      agents: { type: 'string', default: '1000' },
      tasks: { type: 'string', default: '20000' },
      seconds: { type: 'string', default: '20' },
      'idle-agents': { type: 'string', default: '5000' },
      json: { type: 'boolean', default: false },
    },
  });
  const [agents, tasks, seconds, idle] = [values.agents, values.tasks, values.seconds, values['idle-agents']].map(whole) as [
    number,
    number,
    number,
    number,
  ];
  const plane = await startPlane();
  try {
    await plane.admit(agents);
    const tasksPerSecond = await burst(plane, tasks);
    const samples = await arrivals(plane, seconds);
    const rssMiB = await plane.rssMiB();
    const resting = idle > agents ? await rest(plane, idle, agents) : null;
    const result = { tasksPerSecond, p50Ms: round(percentile(samples, 0.5)), p99Ms: round(percentile(samples, 0.99)), rssMiB };
    printTable(
      ['durable', ''],
      [
        [`${tasks} tasks on ${agents} agents, a second`, `${tasksPerSecond}`],
        [`submit to running at ${arrivalsPerSecond} a second, p50 ms`, `${result.p50Ms}`],
        ['the same, p99 ms', `${result.p99Ms}`],
        ['memory of the control plane after that, MiB', `${rssMiB}`],
        ...(resting ? [[`${idle} idle agents: CPU %, MiB`, `${resting.cpuPercent}, ${resting.rssMiB}`] as const] : []),
      ],
    );
    printResult({ agents, tasks, ...result, ...(resting ? { idle: { agents: idle, ...resting } } : {}) }, values.json);
  } finally {
    await plane.close();
  }
}

/** From the first request to every task being reported as running. */
async function burst(plane: Plane, tasks: number): Promise<number> {
  const began = performance.now();
  let left = tasks;
  const submit = async () => {
    while (left > 0) {
      const count = Math.min(perRequest, left);
      left -= count;
      await plane.post('/v1/tasks', { taskDefinition: 'bench:1', count });
    }
  };
  await Promise.all(Array.from({ length: requestsAtOnce }, submit));
  for (;;) {
    const { rows } = await plane.db.query("SELECT count(*)::int AS n FROM tasks WHERE state = 'running'");
    if (rows[0].n === tasks) break;
    await sleep(pollMs * 5);
  }
  return Math.round((tasks * 1000) / (performance.now() - began));
}

/** One request each, evenly. @returns how long each took until it was reported as running, in ms, as a poll sees it. */
async function arrivals(plane: Plane, seconds: number): Promise<number[]> {
  const waiting = new Map<string, number>();
  const samples: number[] = [];
  const total = seconds * arrivalsPerSecond;
  const began = performance.now();
  const submitting = (async () => {
    const sent: Promise<void>[] = [];
    for (let n = 0; n < total; n += 1) {
      await sleep(Math.max(0, began + (n * 1000) / arrivalsPerSecond - performance.now()));
      const at = performance.now();
      sent.push(
        plane.post('/v1/tasks', { taskDefinition: 'bench:1' }).then((answer) => {
          waiting.set((answer as { items: { id: string }[] }).items[0]?.id ?? '', at);
        }),
      );
    }
    await Promise.all(sent);
  })();
  const failed = submitting.then(() => null);
  while (samples.length < total) {
    await Promise.race([sleep(pollMs), failed.then(() => sleep(pollMs))]);
    const { rows } = await plane.db.query("SELECT id FROM tasks WHERE id = ANY($1::uuid[]) AND state = 'running'", [[...waiting.keys()]]);
    for (const { id } of rows) {
      samples.push(performance.now() - (waiting.get(id) as number));
      waiting.delete(id);
    }
  }
  return samples;
}

async function rest(plane: Plane, idle: number, agents: number): Promise<{ cpuPercent: number; rssMiB: number }> {
  await plane.admit(idle - agents);
  await sleep(idleMs / 4);
  const before = await plane.cpuSeconds();
  await sleep(idleMs);
  return { cpuPercent: round(((await plane.cpuSeconds()) - before) * (100_000 / idleMs)), rssMiB: await plane.rssMiB() };
}

function whole(text: string | undefined): number {
  if (text === undefined || !/^\d{1,6}$/.test(text)) throw new Error(`The numbers must be whole, not ${text}.`);
  return Number(text);
}
