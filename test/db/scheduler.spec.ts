import type { HostId, PendingReason, TaskId } from '@berth/contract';
import { DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import type { Config } from '../../src/config.js';
import { dataSourceOptions } from '../../src/db/data-source.js';
import { acquireLease, type Lease } from '../../src/placement/lease.store.js';
import { markLost } from '../../src/placement/liveness.store.js';
import { commitPlacements, writePendingReasons } from '../../src/placement/scheduler.store.js';
import { freshDatabase } from '../support/cluster.js';
import { addHost, addTasks, eventually, newWorld, stateCounts, type World } from '../support/fleet-rows.js';
import { type Replica, startReplica } from '../support/scheduler-replica.js';

let database: Awaited<ReturnType<typeof freshDatabase>>;
let db: DataSource;
let world: World;
let replicas: Replica[];

beforeEach(async () => {
  database = await freshDatabase(inject('databaseUrl'));
  db = await new DataSource(dataSourceOptions(database.url, 2)).initialize();
  world = await newWorld(db);
  replicas = [];
});

afterEach(async () => {
  for (const replica of replicas) await replica.close();
  await db.destroy();
  await database.drop();
});

async function replica(name: string, settings: Partial<Config> = {}): Promise<Replica> {
  const started = await startReplica(database.url, name, settings);
  replicas.push(started);
  return started;
}

/** A replica that leads. */
async function leader(name = 'a', settings: Partial<Config> = {}): Promise<{ replica: Replica; lease: Lease }> {
  const started = await replica(name, settings);
  return { replica: started, lease: await eventually(() => started.leadership.lease) };
}

const counts = (expected: Record<string, number>) =>
  eventually(async () => JSON.stringify(await stateCounts(db)) === JSON.stringify(expected));
const reasonOf = async (id: string): Promise<PendingReason | null> =>
  (await db.query('SELECT pending_reason FROM tasks WHERE id = $1', [id]))[0].pending_reason;

describe('the scheduler', () => {
  it('places what is pending, with the reason on the task and as an event', async () => {
    const hostId = await addHost(db);
    const { replica, lease } = await leader();
    const [id] = await addTasks(db, world, 1);
    replica.signals.send('pending', null);
    await counts({ placed: 1 });
    const [task] = await db.query('SELECT * FROM tasks WHERE id = $1', [id]);
    expect(task).toMatchObject({
      host_id: hostId,
      placement: 'the only host that fits: leaves 3900m CPU, 3.9 GiB',
      placement_epoch: String(lease.epoch),
    });
    expect(await db.query('SELECT type, reason FROM task_events WHERE task_id = $1', [id])).toEqual([
      { type: 'placed', reason: task.placement },
    ]);
  });

  it('wakes when another replica has made tasks', async () => {
    await addHost(db);
    await leader('a');
    const other = await replica('b', { roles: ['api'] });
    await addTasks(db, world, 1);
    other.signals.send('pending', null);
    await counts({ placed: 1 });
  });

  it('tells other replicas which hosts have new tasks', async () => {
    const hostId = await addHost(db);
    const { replica: a } = await leader('a');
    const gateway = await replica('b', { roles: ['gateway'] });
    const told: string[] = [];
    gateway.signals.on('desired', (ids) => told.push(...ids));
    await addTasks(db, world, 1);
    a.signals.send('pending', null);
    await eventually(() => told.includes(hostId));
  });

  it('fills hosts to their capacity and not beyond, whatever is signalled meanwhile', async () => {
    for (let n = 0; n < 3; n += 1) await addHost(db, { cpuMillis: 1000, memoryMiB: 700, taskSlots: 8 });
    const { replica } = await leader();
    await addTasks(db, world, 50);
    for (let n = 0; n < 20; n += 1) {
      replica.signals.send('pending', null);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await counts({ pending: 26, placed: 24 });
    const uses: { tasks: number }[] = await db.query('SELECT count(*)::int AS tasks FROM tasks WHERE host_id IS NOT NULL GROUP BY host_id');
    expect(uses.map(({ tasks }) => tasks)).toEqual([8, 8, 8]);
  });

  it('shares what there is by the tenants’ weights', async () => {
    const other = await newWorld(db);
    await db.query('UPDATE tenants SET placement_weight = 4 WHERE id = $1', [other.tenantId]);
    await addTasks(db, world, 20);
    await addTasks(db, other, 20);
    await addHost(db, { cpuMillis: 1000 });
    await leader();
    await counts({ pending: 30, placed: 10 });
    const of = async (tenantId: string) =>
      (await db.query("SELECT count(*)::int AS n FROM tasks WHERE state = 'placed' AND tenant_id = $1", [tenantId]))[0].n;
    expect([await of(other.tenantId), await of(world.tenantId)]).toEqual([8, 2]);
  });

  it('prefers, of two hosts that are alike, the one that had a task of the same image', async () => {
    const hosts = [await addHost(db), await addHost(db)];
    const { replica } = await leader();
    const place = async (image: string): Promise<HostId> => {
      const [id] = await addTasks(db, world, 1, { needs: { image } });
      replica.signals.send('pending', null);
      const [task] = await eventually(async () => {
        const rows = await db.query("SELECT host_id FROM tasks WHERE id = $1 AND state = 'placed'", [id]);
        return rows.length > 0 && rows;
      });
      await db.query("UPDATE tasks SET state = 'stopped', stop_code = 'UserInitiated', stopped_at = now() WHERE id = $1", [id]);
      return task.host_id;
    };
    const first = await place('one');
    // The other host gets the image "two": the first is closed meanwhile.
    await db.query("UPDATE hosts SET availability = 'cordoned' WHERE id = $1", [first]);
    const second = await place('two');
    await db.query("UPDATE hosts SET availability = 'open'");
    expect(new Set([first, second])).toEqual(new Set(hosts));
    for (const [image, host] of [
      ['one', first],
      ['two', second],
      ['one', first],
    ] as const)
      expect(await place(image)).toBe(host);
  });

  it('says why a task is pending, says it anew when that changes, and writes nothing when it does not', async () => {
    await addHost(db, { memoryMiB: 3100 });
    const { replica } = await leader();
    const [id] = (await addTasks(db, world, 1, { memoryMiB: 8192 })) as [TaskId];
    replica.signals.send('pending', null);
    await eventually(() => reasonOf(id));
    expect(await reasonOf(id)).toMatchObject({
      summary: 'needs 8192 MiB; the largest host has 3100 MiB in all',
      filters: [{ filter: 'memory', hosts: 1 }],
    });
    const lease = await eventually(() => replica.leadership.lease);
    expect(await writePendingReasons(db, lease, [{ taskIds: [id], reason: (await reasonOf(id)) as PendingReason }])).toEqual([]);
    await addHost(db, { memoryMiB: 8000 });
    replica.signals.send('pending', null);
    await eventually(async () => (await reasonOf(id))?.summary === 'needs 8192 MiB; the largest host has 8000 MiB in all');
  });

  it('does not let tasks that fit nowhere hold up those behind them', async () => {
    await addHost(db);
    const { replica } = await leader();
    await addTasks(db, world, 2500, { memoryMiB: 100_000 });
    const [last] = await addTasks(db, world, 1);
    replica.signals.send('pending', null);
    await counts({ pending: 2500, placed: 1 });
    expect(await db.query(`SELECT id FROM tasks WHERE state = 'placed'`)).toEqual([{ id: last }]);
    await eventually(async () => (await db.query(`SELECT count(*)::int AS n FROM tasks WHERE pending_reason IS NOT NULL`))[0].n === 2500);
  });

  it('leaves out hosts and tasks that have changed since they were read', async () => {
    const [active, gone] = [await addHost(db), await addHost(db, { state: 'unreachable' })];
    // Nobody's scheduler: it would place what this test wants to be pending.
    const lease = (await acquireLease(db, 'nobody', 60_000)) as Lease;
    const [fine, onGone, ended] = [...(await addTasks(db, world, 2)), ...(await addTasks(db, world, 1, { state: 'stopped' }))];
    const plan = (taskId: unknown, hostId: HostId) => ({ taskId, hostId, placement: '' }) as never;
    const assignments = await commitPlacements(db, lease, [plan(onGone, gone), plan(fine, active), plan(ended, active)]);
    expect(assignments?.map(({ taskId }) => taskId)).toEqual([fine]);
    expect(await stateCounts(db)).toEqual({ pending: 1, placed: 1, stopped: 1 });
  });

  it('hands over all that a host needs to know', async () => {
    const hostId = await addHost(db);
    // Nobody else places them meanwhile.
    const lease = await acquireLease(db, 'alone', 60_000);
    if (!lease) throw new Error('somebody leads');
    const ids = await addTasks(db, world, 3);
    const assignments = await commitPlacements(
      db,
      lease,
      ids.map((taskId) => ({ taskId, hostId, placement: '' })),
    );
    expect(assignments?.map(({ taskId }) => taskId).sort()).toEqual([...ids].sort());
    for (const assignment of assignments ?? []) {
      expect(assignment).toMatchObject({
        hostId,
        tenantId: world.tenantId,
        cpuMillis: 100,
        definition: { pidsLimit: 64, containers: [{ name: 'main' }] },
      });
    }
  });
});

describe('leadership', () => {
  it('is one replica’s at a time, and passes on with a higher epoch when that goes', async () => {
    const { replica: a, lease } = await leader('a');
    const b = await replica('b');
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(b.leadership.lease).toBeNull();
    expect(a.leadership.lease).toEqual(lease);
    await replicas.shift()?.close();
    const next = await eventually(() => b.leadership.lease);
    expect(next.epoch).toBeGreaterThan(lease.epoch);
  });

  it('two replicas place each task once', async () => {
    await addHost(db, { cpuMillis: 100_000, memoryMiB: 100_000, taskSlots: 1000 });
    const all = [await replica('a'), await replica('b')];
    await eventually(() => all.some(({ leadership }) => leadership.lease));
    await addTasks(db, world, 300);
    for (const { signals } of all) signals.send('pending', null);
    await counts({ placed: 300 });
    expect(await db.query(`SELECT count(*)::int AS n FROM task_events WHERE type = 'placed'`)).toEqual([{ n: 300 }]);
  });

  describe('of a leader that was stopped for longer than its lease', () => {
    let stale: Replica;
    let staleLease: Lease;
    let hostId: HostId;

    beforeEach(async () => {
      hostId = await addHost(db);
      // A lease so long that it can't end by the replica's own clock while the test runs.
      const { replica: first, lease } = await leader('a', { leaseMs: 600_000 });
      [stale, staleLease] = [first, lease];
      first.leadership.pause();
      // As if its process had stood still: for itself no time has passed.
      await db.query('UPDATE leases SET expires_at = now()');
      // The successor only holds the lease: one that schedules would rightly place what the stale one must not.
      expect(await acquireLease(db, 'b', 600_000)).not.toBeNull();
    });

    it('refuses placements', async () => {
      const [taskId = '' as never] = await addTasks(db, world, 1);
      expect(await commitPlacements(db, staleLease, [{ taskId, hostId, placement: '' }])).toBeNull();
      expect(await stateCounts(db)).toEqual({ pending: 1 });
    });

    it('refuses reasons and lost hosts', async () => {
      const taskIds = await addTasks(db, world, 1);
      const reason = { taskIds, reason: { summary: 'stale', filters: [] } };
      expect(await writePendingReasons(db, staleLease, [reason])).toBeNull();
      expect(await markLost(db, staleLease, [hostId], 0)).toBeNull();
      expect(await db.query('SELECT state FROM hosts')).toEqual([{ state: 'active' }]);
      expect(await db.query('SELECT pending_reason FROM tasks')).toEqual([{ pending_reason: null }]);
    });

    it('makes it step down when it tries', async () => {
      expect(stale.leadership.lease).toEqual(staleLease);
      await addTasks(db, world, 1);
      stale.scheduler.wake();
      await eventually(() => stale.leadership.lease === null);
      expect(await stateCounts(db)).toEqual({ pending: 1 });
    });
  });

  it('ends by its own clock when it cannot be renewed', async () => {
    const { replica } = await leader('a', { leaseMs: 200 });
    replica.leadership.pause();
    await eventually(() => replica.leadership.lease === null);
  });
});

describe('silent hosts', () => {
  const settings = { hostUnreachableAfterMs: 400, hostLostAfterMs: 1200 };

  it('become unreachable, then lost, and their tasks end with HostLost', async () => {
    const [silent, other] = [await addHost(db, { silentForSeconds: 3600 }), await addHost(db)];
    const [onSilent] = await addTasks(db, world, 1, { state: 'running', hostId: silent });
    const [onOther] = await addTasks(db, world, 1, { state: 'running', hostId: other });
    const seen = setInterval(() => void db.query('UPDATE hosts SET last_seen_at = now() WHERE id = $1', [other]), 50);
    await leader('a', settings);
    const stateOf = async (id: HostId) => (await db.query('SELECT state FROM hosts WHERE id = $1', [id]))[0].state;
    await eventually(async () => (await stateOf(silent)) === 'unreachable');
    expect(await stateCounts(db)).toEqual({ running: 2 });
    await eventually(async () => (await stateOf(silent)) === 'lost');
    clearInterval(seen);
    expect(await stateOf(other)).toBe('active');
    const [task] = await db.query('SELECT state, stop_code, stop_reason, stopped_at FROM tasks WHERE id = $1', [onSilent]);
    expect(task).toMatchObject({
      state: 'stopped',
      stop_code: 'HostLost',
      stop_reason: expect.stringMatching(/^host host-\w+ was not heard from for 1 s$/),
    });
    expect(await db.query('SELECT task_id, type FROM task_events')).toEqual([{ task_id: onSilent, type: 'stopped' }]);
    expect(await db.query('SELECT state FROM tasks WHERE id = $1', [onOther])).toEqual([{ state: 'running' }]);
  });

  it('are not blamed for the time before this leader looked', async () => {
    // Silent for an hour, as after an outage of the control plane: they get the whole time from now.
    await addHost(db, { silentForSeconds: 3600 });
    await leader('a', { hostUnreachableAfterMs: 60_000, hostLostAfterMs: 120_000 });
    await new Promise((resolve) => setTimeout(resolve, 2500));
    expect(await db.query('SELECT state FROM hosts')).toEqual([{ state: 'active' }]);
  });

  it('are spared by a heartbeat that comes before the write', async () => {
    const hostId = await addHost(db);
    const { lease } = await leader();
    expect(await markLost(db, lease, [hostId], 60_000)).toEqual({ hosts: [], tasks: [] });
  });
});
