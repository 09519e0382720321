// Wishes about running tasks in the database: room on the host, also against a placement at the same moment, and what a
// task holds while its host has not answered.
import { type Adjusted, type HostId, type TaskId, type TenantId, taskReportSchema } from '@berth/contract';
import { pino } from 'pino';
import { DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { QuotaSpending } from '../../src/accounts/quota-spending.service.js';
import { QuotasStore } from '../../src/accounts/quotas.store.js';
import { readSpecSources, readWanted } from '../../src/agents/desired.store.js';
import { ReportIntake } from '../../src/agents/report-intake.service.js';
import { dataSourceOptions } from '../../src/db/data-source.js';
import { SignalBus } from '../../src/db/signals.js';
import { acquireLease, type Lease } from '../../src/placement/lease.store.js';
import { LiveEngine } from '../../src/placement/live-engine.service.js';
import { commitPlacements } from '../../src/placement/scheduler.store.js';
import type { Wish } from '../../src/tasks/adjustment.js';
import { TaskAdjustmentsStore } from '../../src/tasks/task-adjustments.store.js';
import { freshDatabase } from '../support/cluster.js';
import { addHost, addTasks, eventually, newWorld, type World } from '../support/fleet-rows.js';

let database: Awaited<ReturnType<typeof freshDatabase>>;
let db: DataSource;
let store: TaskAdjustmentsStore;
let intake: ReportIntake;
let world: World;
let hostId: HostId;
let taskId: TaskId;
let lease: Lease;

beforeEach(async () => {
  database = await freshDatabase(inject('databaseUrl'));
  db = await new DataSource(dataSourceOptions(database.url, 6)).initialize();
  store = new TaskAdjustmentsStore(db, new QuotaSpending(new QuotasStore(db)));
  intake = new ReportIntake(pino({ level: 'silent' }), db, new SignalBus(database.url, 'test', () => {}));
  world = await newWorld(db);
  hostId = await addHost(db, { cpuMillis: 1000, memoryMiB: 1024 });
  taskId = (await addTasks(db, world, 1, { cpuMillis: 400, memoryMiB: 256, state: 'running', hostId }))[0] as TaskId;
  lease = (await acquireLease(db, 'a', 60_000)) as Lease;
});

afterEach(async () => {
  await intake.beforeApplicationShutdown();
  await db.destroy();
  await database.drop();
});

const wish = (change: Partial<Wish>) =>
  store.wish(world.tenantId as TenantId, taskId, hostId, change, { type: 'resize-wanted', reason: 'because' });

async function row() {
  const [found] = await db.query(
    'SELECT cpu_millis AS cpu, memory_mib AS memory, wish, wish_version AS version, adjusted FROM tasks WHERE id = $1',
    [taskId],
  );
  return found;
}

async function answer(version: number, adjusted: Adjusted): Promise<void> {
  const nothing = { address: null, stopCode: null, stopReason: null, containers: [], startTimings: null };
  const report = taskReportSchema.parse({ taskId, version, state: 'running', reachedAt: {}, ...nothing, adjusted });
  await intake.submit({ hostId, reports: [report], usage: [] });
}

const events = async () =>
  (await db.query('SELECT type FROM task_events WHERE task_id = $1 ORDER BY id', [taskId])).map(({ type }: { type: string }) => type);

describe('a larger size', () => {
  it('takes its room at once, and what is held is what the host says when it has answered', async () => {
    expect(await wish({ cpuMillis: 900 })).toEqual({ kind: 'wished', hostId, version: 1, isNew: true });
    expect(await row()).toMatchObject({ cpu: 900, memory: 256, version: 1, adjusted: { cpuMillis: 400, version: 0 } });
    await answer(5, { version: 1, cpuMillis: 900, memoryMiB: 256, frozen: false, refusal: null });
    expect(await row()).toMatchObject({ cpu: 900, adjusted: { cpuMillis: 900, version: 1 } });
    expect(await events()).toEqual(['resize-wanted', 'resized']);
  });

  it('gives its room back when the host refuses it', async () => {
    await wish({ cpuMillis: 900 });
    await answer(5, { version: 1, cpuMillis: 400, memoryMiB: 256, frozen: false, refusal: 'no' });
    expect(await row()).toMatchObject({ cpu: 400 });
    expect(await events()).toEqual(['resize-wanted', 'adjustment-refused']);
    await answer(6, { version: 1, cpuMillis: 400, memoryMiB: 256, frozen: false, refusal: 'no' });
    expect(await events()).toHaveLength(2);
  });

  it('keeps the room of a newer wish when an older one is answered', async () => {
    await wish({ cpuMillis: 600 });
    await wish({ cpuMillis: 900 });
    await answer(5, { version: 1, cpuMillis: 600, memoryMiB: 256, frozen: false, refusal: null });
    expect(await row()).toMatchObject({ cpu: 900, version: 2, adjusted: { cpuMillis: 600 } });
  });

  it('is refused with the amounts when others leave no room, and nothing is written', async () => {
    await addTasks(db, world, 1, { cpuMillis: 300, memoryMiB: 64, state: 'running', hostId });
    const outcome = await wish({ cpuMillis: 701 });
    expect(outcome).toMatchObject({ kind: 'no-room', shortage: { field: 'cpuMillis', wanted: 701, free: 700, used: 300, capacity: 1000 } });
    expect(await row()).toMatchObject({ cpu: 400, version: 0, wish: null });
    expect(await events()).toEqual([]);
    expect(await wish({ cpuMillis: 700 })).toMatchObject({ kind: 'wished' });
  });

  it('of two tasks at once fits for one of them only', async () => {
    const [other] = (await addTasks(db, world, 1, { cpuMillis: 400, memoryMiB: 64, state: 'running', hostId })) as [TaskId];
    const asks = [taskId, other].map((id) =>
      store.wish(world.tenantId as TenantId, id, hostId, { cpuMillis: 550 }, { type: 'resize-wanted', reason: '' }),
    );
    expect((await Promise.all(asks)).map(({ kind }) => kind).sort()).toEqual(['no-room', 'wished']);
  });
});

describe('the tenant’s quota', () => {
  const limit = (name: string, allowed: number) =>
    db.query('INSERT INTO quotas (tenant_id, name, allowed) VALUES ($1, $2, $3)', [world.tenantId, name, allowed]);
  const wishFor = (id: TaskId, on: HostId, change: Partial<Wish>) =>
    store.wish(world.tenantId as TenantId, id, on, change, { type: 'resize-wanted', reason: '' }).then(
      ({ kind }) => kind as string,
      ({ code }) => code as string,
    );
  const sums = async () => (await db.query('SELECT sum(cpu_millis)::int AS cpu, sum(memory_mib)::int AS memory FROM tasks'))[0];

  it('is not exceeded by a larger size, and nothing is written then', async () => {
    await limit('cpuMillis', 800);
    expect(await wishFor(taskId, hostId, { cpuMillis: 801 })).toBe('quota_exceeded');
    expect(await row()).toMatchObject({ cpu: 400, version: 0, wish: null });
    expect(await events()).toEqual([]);
    expect(await wishFor(taskId, hostId, { cpuMillis: 800 })).toBe('wished');
  });

  it('lets who has too much already shrink and freeze', async () => {
    await limit('cpuMillis', 100);
    await limit('memoryMiB', 100);
    expect(await wishFor(taskId, hostId, { cpuMillis: 300 })).toBe('wished');
    expect(await wishFor(taskId, hostId, { frozen: true })).toBe('wished');
    expect(await wishFor(taskId, hostId, { memoryMiB: 257 })).toBe('quota_exceeded');
  });

  it('is had once by many at the same moment, on whichever hosts', async () => {
    await db.query('DELETE FROM tasks');
    const tasks: [TaskId, HostId][] = [];
    for (let n = 0; n < 5; n += 1) {
      const on = await addHost(db, { cpuMillis: 10_000, memoryMiB: 10_000 });
      const ids = await addTasks(db, world, 4, { cpuMillis: 100, memoryMiB: 100, state: 'running', hostId: on });
      tasks.push(...ids.map((id): [TaskId, HostId] => [id, on]));
    }
    // There is room for 7 of the 20 to grow by 100.
    await limit('cpuMillis', 2_750);
    const outcomes = await Promise.all(tasks.map(([id, on]) => wishFor(id, on, { cpuMillis: 200 })));
    expect(outcomes.filter((outcome) => outcome === 'wished')).toHaveLength(7);
    expect(outcomes.filter((outcome) => outcome === 'quota_exceeded')).toHaveLength(13);
    expect(await sums()).toMatchObject({ cpu: 2_700 });
    await limit('memoryMiB', 2_100);
    const twice = await Promise.all(tasks.slice(0, 3).map(([id, on]) => wishFor(id, on, { memoryMiB: 160 })));
    expect(twice.sort()).toEqual(['quota_exceeded', 'quota_exceeded', 'wished']);
    expect(await sums()).toMatchObject({ memory: 2_060 });
  });
});

describe('a smaller size', () => {
  it('gives up its room only when the host has answered', async () => {
    await wish({ memoryMiB: 64 });
    expect(await row()).toMatchObject({ memory: 256 });
    await answer(5, { version: 1, cpuMillis: 400, memoryMiB: 64, frozen: false, refusal: null });
    expect(await row()).toMatchObject({ memory: 64 });
  });
});

describe('a wish', () => {
  it('that is the same again is none', async () => {
    await wish({ cpuMillis: 500 });
    expect(await wish({ cpuMillis: 500 })).toEqual({ kind: 'wished', hostId, version: 1, isNew: false });
    expect(await events()).toEqual(['resize-wanted']);
  });

  it('is only for tasks that run and are not to stop', async () => {
    await db.query("UPDATE tasks SET desired_state = 'stopped' WHERE id = $1", [taskId]);
    expect(await wish({ cpuMillis: 500 })).toEqual({ kind: 'not-running' });
    expect(
      await store.wish(
        '0190a3a0-0000-7000-8000-000000000009' as TenantId,
        taskId,
        hostId,
        { frozen: true },
        { type: 'freeze-wanted', reason: '' },
      ),
    ).toEqual({ kind: 'not-running' });
  });

  it('is what the host is told, by its version', async () => {
    await wish({ frozen: true });
    expect((await readWanted(db, [hostId])).wanted).toMatchObject([{ taskId, wishVersion: 1 }]);
    expect(await readSpecSources(db, [taskId])).toMatchObject([{ wish: { version: 1, cpuMillis: 400, memoryMiB: 256, frozen: true } }]);
  });
});

describe('a resize and a placement at the same moment', () => {
  /** Pending, and fits beside the task as it is: 400 of 1000 are taken. */
  async function plan() {
    const [pending] = (await addTasks(db, world, 1, { cpuMillis: 500, memoryMiB: 64 })) as [TaskId];
    const { placed } = await new LiveEngine(db, pino({ level: 'silent' })).change(lease.epoch, async (model) => model.plan(10));
    expect(placed.map((one) => one.taskId)).toEqual([pending]);
    return { pending, placed };
  }

  const heldOnHost = async () =>
    (await db.query("SELECT sum(cpu_millis)::int AS cpu FROM tasks WHERE host_id = $1 AND state <> 'stopped'", [hostId]))[0].cpu;

  it('do not both get the room when the plan was made before the resize', async () => {
    const { placed } = await plan();
    expect(await wish({ cpuMillis: 900 })).toMatchObject({ kind: 'wished' });
    expect(await commitPlacements(db, lease, placed)).toEqual([]);
    expect(await heldOnHost()).toBe(900);
  });

  it('do not both get the room when the resize is not committed yet: the placement waits for it', async () => {
    const { placed } = await plan();
    const runner = db.createQueryRunner();
    await runner.startTransaction();
    await runner.query('SELECT FROM hosts WHERE id = $1 FOR UPDATE', [hostId]);
    await runner.query('UPDATE tasks SET cpu_millis = 900 WHERE id = $1', [taskId]);
    await runner.query('UPDATE hosts SET room_version = room_version + 1 WHERE id = $1', [hostId]);
    let done = false;
    const committing = commitPlacements(db, lease, placed).finally(() => {
      done = true;
    });
    await eventually(
      async () =>
        (await db.query("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")).length > 0,
    );
    expect(done).toBe(false);
    await runner.commitTransaction();
    await runner.release();
    expect(await committing).toEqual([]);
    expect(await heldOnHost()).toBe(900);
  });

  it('do not both get the room when the placement is not committed yet: the resize waits for it', async () => {
    const { pending } = await plan();
    const runner = db.createQueryRunner();
    await runner.startTransaction();
    await runner.query('SELECT FROM hosts WHERE id = $1 FOR KEY SHARE', [hostId]);
    await runner.query("UPDATE tasks SET state = 'placed', host_id = $2 WHERE id = $1", [pending, hostId]);
    const resizing = wish({ cpuMillis: 900 });
    await eventually(
      async () =>
        (await db.query("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")).length > 0,
    );
    await runner.commitTransaction();
    await runner.release();
    expect(await resizing).toMatchObject({ kind: 'no-room', shortage: { free: 500 } });
    expect(await heldOnHost()).toBe(900);
  });

  it('both go when there is room: a smaller size turns no plan away', async () => {
    const { placed } = await plan();
    await wish({ cpuMillis: 100 });
    expect(await commitPlacements(db, lease, placed)).toHaveLength(1);
  });
});
