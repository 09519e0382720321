import { randomUUID } from 'node:crypto';
import { containerReportSchema, type HostId, type TaskId, type TaskReport, type TaskState, type UsageRecord } from '@berth/contract';
import { pino } from 'pino';
import { DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { ReportIntake } from '../../src/agents/report-intake.service.js';
import { dataSourceOptions } from '../../src/db/data-source.js';
import { SignalBus } from '../../src/db/signals.js';
import { freshDatabase } from '../support/cluster.js';
import { addHost, addTasks, eventually, newWorld, stateCounts, type World } from '../support/fleet-rows.js';

let database: Awaited<ReturnType<typeof freshDatabase>>;
let db: DataSource;
let signals: SignalBus;
let intake: ReportIntake;
let world: World;
let hostId: HostId;

beforeEach(async () => {
  database = await freshDatabase(inject('databaseUrl'));
  db = await new DataSource(dataSourceOptions(database.url, 4)).initialize();
  signals = new SignalBus(database.url, 'test', () => {});
  intake = new ReportIntake(pino({ level: 'silent' }), db, signals);
  world = await newWorld(db);
  hostId = await addHost(db);
});

afterEach(async () => {
  await intake.beforeApplicationShutdown();
  await db.destroy();
  await database.drop();
});

const instant = (second: number) => `2026-01-01T00:00:${String(second).padStart(2, '0')}.000Z`;

function report(taskId: TaskId, state: TaskState, version: number, more: Partial<TaskReport> = {}): TaskReport {
  const reachedAt = { starting: instant(1), running: instant(2), ...(state === 'stopped' ? { stopped: instant(9) } : {}) };
  const ended =
    state === 'stopped'
      ? ({ stopCode: 'EssentialContainerExited', stopReason: 'main exited with 0' } as const)
      : { stopCode: null, stopReason: null };
  const container = containerReportSchema.parse({
    name: 'main',
    state: 'running',
    exitCode: null,
    signal: null,
    reason: null,
    startedAt: instant(2),
    finishedAt: null,
  });
  return {
    taskId,
    version,
    state,
    reachedAt,
    address: '10.0.0.2',
    ...ended,
    containers: [container],
    startTimings: { image: 0.5 },
    ports: [],
    health: 'unknown',
    protection: null,
    ...more,
  };
}

const usage = (taskId: TaskId, sequence: number): UsageRecord => ({
  taskId,
  sequence,
  startedAt: instant(sequence),
  endedAt: instant(sequence + 1),
  cpuMillis: 100,
  memoryMiB: 64,
});
const submit = (reports: TaskReport[], records: UsageRecord[] = [], from = hostId) =>
  intake.submit({ hostId: from, reports, usage: records });
const placed = async () => (await addTasks(db, world, 1, { state: 'placed', hostId }))[0] as TaskId;
const taskOf = async (id: TaskId) => (await db.query('SELECT * FROM tasks WHERE id = $1', [id]))[0];
const eventsOf = async (id: TaskId): Promise<{ type: string; at: Date; reason: string }[]> =>
  db.query('SELECT type, at, reason FROM task_events WHERE task_id = $1 ORDER BY id', [id]);

describe('agents’ reports', () => {
  it('are written whole, with an event for each state by the agent’s times', async () => {
    const id = await placed();
    await submit([report(id, 'running', 1)]);
    expect(await taskOf(id)).toMatchObject({
      state: 'running',
      report_version: '1',
      address: '10.0.0.2',
      started_at: new Date(instant(2)),
      stop_code: null,
      stopped_at: null,
      start_timings: { image: 0.5 },
      containers: [{ name: 'main', state: 'running' }],
    });
    await submit([report(id, 'stopped', 2)]);
    expect(await taskOf(id)).toMatchObject({
      state: 'stopped',
      stop_code: 'EssentialContainerExited',
      stop_reason: 'main exited with 0',
      stopped_at: new Date(instant(9)),
    });
    expect(await eventsOf(id)).toEqual([
      { type: 'starting', at: new Date(instant(1)), reason: 'the host prepares its containers' },
      { type: 'running', at: new Date(instant(2)), reason: 'its containers run' },
      { type: 'stopped', at: new Date(instant(9)), reason: 'main exited with 0' },
    ]);
  });

  it('keep what was said last about protection, be it by the task or over the API', async () => {
    const id = await placed();
    const said = (second: number, expiresAt: string | null) => ({ protection: { setAt: instant(second), expiresAt } });
    await submit([report(id, 'running', 1, { health: 'healthy', ...said(3, instant(9)) })]);
    expect(await taskOf(id)).toMatchObject({ health: 'healthy', protected_until: new Date(instant(9)) });
    // The API's word is of later than the one that the agent goes on reporting.
    await db.query('UPDATE tasks SET protected_until = $2, protection_set_at = $3 WHERE id = $1', [id, instant(8), instant(4)]);
    await submit([report(id, 'running', 2, { health: 'unhealthy', ...said(3, instant(9)) })]);
    expect(await taskOf(id)).toMatchObject({ health: 'unhealthy', protected_until: new Date(instant(8)) });
    await submit([report(id, 'running', 3, said(5, null))]);
    expect(await taskOf(id)).toMatchObject({ protected_until: null });
    await submit([report(id, 'running', 4)]);
    expect(await taskOf(id)).toMatchObject({ protected_until: null, protection_set_at: new Date(instant(5)) });
  });

  it('come to the same whether in order, twice, late or in one batch', async () => {
    const history = (id: TaskId) => [report(id, 'starting', 1), report(id, 'running', 2), report(id, 'stopped', 3)];
    const [ordered, reversed, together, twice] = [await placed(), await placed(), await placed(), await placed()];
    for (const one of history(ordered)) await submit([one]);
    for (const one of history(reversed).reverse()) await submit([one]);
    await submit(history(together));
    for (const one of [...history(twice), ...history(twice)]) await submit([one, one]);
    const seen = async (id: TaskId) => {
      const { state, report_version, stop_code, started_at, stopped_at } = await taskOf(id);
      return { state, report_version, stop_code, started_at, stopped_at, events: await eventsOf(id) };
    };
    const expected = await seen(ordered);
    expect(expected.state).toBe('stopped');
    for (const id of [reversed, together, twice]) expect(await seen(id)).toEqual(expected);
  });

  it('change nothing of another host’s tasks, nor of tasks that nobody knows', async () => {
    const [id, foreign] = [await placed(), await addHost(db)];
    const receipt = await submit([report(id, 'stopped', 9), report(randomUUID() as TaskId, 'running', 1)], [usage(id, 0)], foreign);
    expect(receipt.toStop).toEqual([]);
    expect(await taskOf(id)).toMatchObject({ state: 'placed', report_version: '0' });
    expect(await eventsOf(id)).toEqual([]);
    expect(await db.query('SELECT * FROM usage_records')).toEqual([]);
  });

  it('of a task that has ended here and lives there are answered with a stop', async () => {
    const [id = '' as TaskId] = await addTasks(db, world, 1, { state: 'stopped', hostId });
    await db.query(`UPDATE tasks SET stop_code = 'HostLost', stop_reason = 'gone' WHERE id = $1`, [id]);
    const receipt = await submit([report(id, 'running', 7)]);
    expect(receipt.toStop).toEqual([{ taskId: id, desired: 'stopped', stopCode: 'HostLost', reason: 'gone' }]);
    expect((await submit([report(id, 'stopped', 8)])).toStop).toEqual([]);
    expect(await taskOf(id)).toMatchObject({ state: 'stopped', stop_code: 'HostLost', stop_reason: 'gone' });
  });

  it('keep the reason that the task was stopped for when the agent gives none', async () => {
    const id = await placed();
    await db.query(
      `UPDATE tasks SET desired_state = 'stopped', desired_stop_code = 'UserInitiated', desired_stop_reason = 'enough' WHERE id = $1`,
      [id],
    );
    await submit([report(id, 'stopped', 1, { stopCode: null, stopReason: null })]);
    expect(await taskOf(id)).toMatchObject({ stop_code: 'UserInitiated', stop_reason: 'enough' });
  });

  it('bring usage that counts once, also after the task has ended', async () => {
    const id = await placed();
    await submit([report(id, 'running', 1)], [usage(id, 0), usage(id, 1)]);
    await submit([report(id, 'stopped', 2)], [usage(id, 1), usage(id, 2)]);
    await submit([], [usage(id, 2), usage(id, 3)]);
    expect(await db.query('SELECT sequence, host_id FROM usage_records ORDER BY sequence')).toEqual(
      [0, 1, 2, 3].map((sequence) => ({ sequence, host_id: hostId })),
    );
  });

  it('of many agents that arrive together are one transaction, each answered', async () => {
    const hosts = await Promise.all(Array.from({ length: 20 }, () => addHost(db)));
    const tasks = await Promise.all(hosts.map((host) => addTasks(db, world, 5, { state: 'placed', hostId: host })));
    await Promise.all(
      hosts.map((host, index) =>
        submit(
          (tasks[index] ?? []).map((id) => report(id, 'running', 1)),
          [],
          host,
        ),
      ),
    );
    expect(await stateCounts(db)).toEqual({ running: 100 });
    const writers: { xmin: string }[] = await db.query('SELECT DISTINCT xmin::text FROM tasks');
    expect(writers.length).toBe(1);
  });

  it('that the database refuses harm only their sender', async () => {
    const [good, bad, other] = [await placed(), await placed(), await addHost(db)];
    const [foreign = '' as TaskId] = await addTasks(db, world, 1, { state: 'placed', hostId: other });
    const poisoned = { ...usage(bad, 0), cpuMillis: 2 ** 40 };
    const results = await Promise.allSettled([
      submit([report(good, 'running', 1)]),
      submit([report(bad, 'running', 1)], [poisoned]),
      submit([report(foreign, 'running', 1)], [], other),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect((await taskOf(good)).state).toBe('running');
    expect((await taskOf(bad)).state).toBe('placed');
    expect((await taskOf(foreign)).state).toBe('running');
  });

  it('wait for the database to come back', async () => {
    const id = await placed();
    const lock = db.createQueryRunner();
    await lock.startTransaction();
    await lock.query('SELECT FROM tasks WHERE id = $1 FOR UPDATE', [id]);
    const answer = submit([report(id, 'running', 1)]);
    const waiting = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
    // Its connection is cut in the middle of the transaction, twice.
    for (let cuts = 0; cuts < 2; cuts += 1) await eventually(async () => (await db.query(waiting)).length > 0);
    await lock.commitTransaction();
    await lock.release();
    await answer;
    expect((await taskOf(id)).state).toBe('running');
  });

  it('say that tasks changed, and that room became free', async () => {
    const [id, seen] = [await placed(), [] as unknown[]];
    signals.on('tasks', (ids) => seen.push(ids));
    signals.on('pending', () => seen.push('pending'));
    await submit([report(id, 'running', 1)]);
    await submit([report(id, 'stopped', 2)]);
    await submit([report(id, 'stopped', 2)]);
    expect(seen).toEqual([[id], [id], 'pending']);
  });
});
