// A leader that is killed in the middle of many placements, and how fast the next one goes on.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { pino } from 'pino';
import { DataSource } from 'typeorm';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { dataSourceOptions } from '../../src/db/data-source.js';
import { LiveEngine } from '../../src/placement/live-engine.service.js';
import { freshDatabase } from '../support/cluster.js';
import { addHost, addTasks, eventually, newWorld, type World } from '../support/fleet-rows.js';

let database: Awaited<ReturnType<typeof freshDatabase>>;
let db: DataSource;
let world: World;
let processes: ChildProcess[];

beforeEach(async () => {
  database = await freshDatabase(inject('databaseUrl'));
  db = await new DataSource(dataSourceOptions(database.url, 2)).initialize();
  world = await newWorld(db);
  processes = [];
});

afterEach(async () => {
  for (const each of processes) if (each.exitCode === null && each.signalCode === null) await kill(each);
  await db.destroy();
  await database.drop();
});

async function startScheduler(name: string): Promise<ChildProcess> {
  const child = fork(join(import.meta.dirname, '../support/scheduler-process.ts'), [database.url, name], { execArgv: ['--import', 'tsx'] });
  processes.push(child);
  await once(child, 'message');
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

const count = async (where: string): Promise<number> => (await db.query(`SELECT count(*)::int AS n FROM ${where}`))[0].n;
const tasks = 10_000;

it('loses and doubles nothing when the leader is killed in the middle of 10,000 placements', { timeout: 180_000 }, async () => {
  for (let n = 0; n < 20; n += 1) await addHost(db, { cpuMillis: 60_000, memoryMiB: 40_000, taskSlots: 600 });
  await addTasks(db, world, tasks);
  const first = await startScheduler('first');
  await startScheduler('second');
  await eventually(() => count("tasks WHERE state = 'placed'").then((placed) => placed > 0));
  await kill(first);
  const atKill = await count("tasks WHERE state = 'placed'");
  await eventually(() => count("tasks WHERE state = 'placed'").then((placed) => placed === tasks));
  expect(atKill).toBeGreaterThan(0);
  // Each task was placed by one decision, and no host has more than it can hold.
  expect(await count("task_events WHERE type = 'placed'")).toBe(tasks);
  expect(await count("(SELECT FROM task_events WHERE type = 'placed' GROUP BY task_id HAVING count(*) > 1) AS twice")).toBe(0);
  expect(
    await count(
      `(SELECT FROM tasks t JOIN hosts h ON h.id = t.host_id GROUP BY h.id
        HAVING sum(t.cpu_millis) > h.cpu_millis OR sum(t.memory_mib) > h.memory_mib OR count(*) > h.task_slots) AS full_hosts`,
    ),
  ).toBe(0);
});

it('reads a fleet of 10,000 hosts and 100,000 tasks, and says how long that took', { timeout: 180_000 }, async () => {
  await db.query(
    `INSERT INTO hosts (id, name, state, cpu_millis, memory_mib, task_slots, attributes, last_seen_at)
     SELECT gen_random_uuid(), 'h' || n, 'active', 64000, 262144, 500, jsonb_build_object('zone', 'z' || n % 3, 'arch', 'x64'), now()
     FROM generate_series(1, 10000) AS n`,
  );
  await db.query(
    `INSERT INTO tasks (id, tenant_id, task_definition_id, cpu_millis, memory_mib, state, host_id, placed_at)
     SELECT gen_random_uuid(), $1, $2, 100 + 100 * (n % 5), 64 + 64 * (n % 7), 'running', h.id, now() - n * interval '1 s'
     FROM generate_series(1, 10) AS n, hosts h`,
    [world.tenantId, world.definitionId],
  );
  await addTasks(db, world, 1);
  const live = new LiveEngine(db, pino({ level: 'silent' }));
  const began = performance.now();
  const placed = await live.change(0, async (model) => model.plan(10).placed.length);
  const tookMs = performance.now() - began;
  process.stdout.write(`a new leader's first decision at 10,000 hosts and 100,000 tasks: ${tookMs.toFixed(0)} ms\n`);
  expect([placed, await live.read((model) => [model.hosts.size, model.heldCount])]).toEqual([1, [10_000, 100_000]]);
});
