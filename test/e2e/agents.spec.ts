// Control plane and simulated agents together: from a pending row to a running task, and what happens when things break.
import { setTimeout as sleep } from 'node:timers/promises';
import type { HostId, LogLine, TaskId } from '@berth/contract';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { type SimAgent, type SimAgentOptions, startSimAgent } from '../../agent/src/sim/sim-agent.js';
import { HostLinks } from '../../src/agents/host-links.service.js';
import { SignalBus } from '../../src/db/signals.js';
import { type ControlPlane, startControlPlane } from '../support/control-plane.js';
import { addTasks, eventually, newWorld, stateCounts, type World } from '../support/fleet-rows.js';

let plane: ControlPlane;
let agents: SimAgent[];

beforeEach(() => {
  agents = [];
});

afterEach(async () => {
  await Promise.all(agents.map((agent) => agent.stop()));
  await plane?.destroy();
});

async function addAgent(options: Partial<SimAgentOptions> = {}): Promise<SimAgent> {
  const agent = await startSimAgent({
    gatewayUrl: plane.gatewayUrl,
    admission: { token: await plane.hostToken() },
    name: `sim-${agents.length}`,
    capacity: { cpuMillis: 10_000, memoryMiB: 10_000, taskSlots: 100 },
    reconnect: { firstMs: 20, mostMs: 200 },
    ...options,
  });
  agents.push(agent);
  return agent;
}

/** Pending rows as the API makes them, and its signal. */
async function run(world: World, count: number): Promise<TaskId[]> {
  const ids = await addTasks(plane.db, world, count);
  plane.app.get(SignalBus).send('pending', null);
  return ids;
}

async function stop(ids: readonly TaskId[]): Promise<void> {
  const rows = await plane.db.query(
    `WITH stopped AS (UPDATE tasks SET desired_state = 'stopped', desired_stop_code = 'UserInitiated', desired_stop_reason = 'enough' WHERE id = ANY($1) RETURNING host_id)
     SELECT DISTINCT host_id FROM stopped`,
    [ids],
  );
  plane.app.get(SignalBus).send(
    'desired',
    rows.map((row: { host_id: HostId }) => row.host_id),
  );
}

const counts = (expected: Record<string, number>) =>
  eventually(async () => JSON.stringify(await stateCounts(plane.db)) === JSON.stringify(expected));
const hostState = async (hostId: HostId) => (await plane.db.query('SELECT state FROM hosts WHERE id = $1', [hostId]))[0].state;
const containersOf = (agent: SimAgent) => [...agent.machine.containers.keys()];

describe('a fleet of simulated agents', () => {
  it('runs 1000 tasks on 20 hosts, each exactly once', async () => {
    plane = await startControlPlane(inject('databaseUrl'));
    await Promise.all(Array.from({ length: 20 }, () => addAgent()));
    const ids = await run(await newWorld(plane.db), 1000);
    await counts({ running: 1000 });
    const ran = agents.flatMap(containersOf);
    expect(ran.sort()).toEqual([...ids].sort());
    const events: { type: string; n: number }[] = await plane.db.query(
      'SELECT type, count(*)::int AS n FROM task_events GROUP BY type ORDER BY type',
    );
    expect(events.filter(({ type }) => type !== 'starting')).toEqual([
      { type: 'placed', n: 1000 },
      { type: 'running', n: 1000 },
    ]);
    const hosts: { tasks: number }[] = await plane.db.query('SELECT count(*)::int AS tasks FROM tasks GROUP BY host_id');
    for (const { tasks } of hosts) expect(tasks).toBeLessThanOrEqual(100);
  });

  it('gives an agent what its definition says, the image pinned', async () => {
    plane = await startControlPlane(inject('databaseUrl'));
    const world = await newWorld(plane.db);
    // There is no host for it yet.
    const [id = '' as TaskId] = await addTasks(plane.db, world, 1);
    await plane.db.query('UPDATE tasks SET overrides = $2 WHERE id = $1', [
      id,
      JSON.stringify({ containers: [{ name: 'main', command: ['sleep', '3600'], environment: { MORE: 'x' } }] }),
    ]);
    const agent = await addAgent();
    plane.app.get(SignalBus).send('pending', null);
    await counts({ running: 1 });
    const digest = `sha256:${'0'.repeat(64)}`;
    expect(agent.state.tasks.get(id)?.spec).toMatchObject({
      taskId: id,
      tenantId: world.tenantId,
      pidsLimit: 64,
      containers: [
        {
          image: `127.0.0.1:7072/team/app@${digest}`,
          command: ['sleep', '3600'],
          environment: { FROM: 'definition', MORE: 'x' },
          stopTimeoutSeconds: 1,
        },
      ],
    });
  });

  it('has tasks with GPUs refused by their host, which says why', async () => {
    plane = await startControlPlane(inject('databaseUrl'));
    const { hostId } = await addAgent();
    const world = await newWorld(plane.db);
    await plane.db.query(`UPDATE hosts SET operator_attributes = '{"gpus": "1", "gpuModel": "T4"}' WHERE id = $1`, [hostId]);
    await plane.db.query(`UPDATE task_definitions SET spec = spec || '{"gpus": {"count": 1}}'`);
    await addTasks(plane.db, world, 1, { needs: { gpus: { count: 1, models: ['T4'] } } });
    plane.app.get(SignalBus).send('pending', null);
    await counts({ stopped: 1 });
    expect(await plane.db.query('SELECT stop_code, stop_reason FROM tasks')).toEqual([
      { stop_code: 'HostRefused', stop_reason: 'The task needs a GPU, and agents do not hand GPUs to containers yet.' },
    ]);
  });

  it('stops tasks, whose room is used again', async () => {
    plane = await startControlPlane(inject('databaseUrl'));
    await addAgent({ capacity: { cpuMillis: 1000, memoryMiB: 1000, taskSlots: 5 } });
    const world = await newWorld(plane.db);
    const first = await run(world, 5);
    await counts({ running: 5 });
    const waiting = await run(world, 3);
    await eventually(async () => (await plane.db.query('SELECT pending_reason FROM tasks WHERE id = $1', [waiting[0]]))[0].pending_reason);
    await stop(first.slice(0, 3));
    await counts({ running: 5, stopped: 3 });
    const [stopped] = await plane.db.query('SELECT stop_code, stop_reason FROM tasks WHERE id = $1', [first[0]]);
    expect(stopped).toEqual({ stop_code: 'UserInitiated', stop_reason: 'enough' });
  });

  it('shows operators its hosts and what their tasks hold', async () => {
    plane = await startControlPlane(inject('databaseUrl'));
    const agent = await addAgent();
    await run(await newWorld(plane.db), 3);
    await counts({ running: 3 });
    const shown = {
      id: agent.hostId,
      name: 'sim-0',
      state: 'active',
      cpuMillis: 10_000,
      usedCpuMillis: 300,
      usedMemoryMiB: 192,
      tasks: 3,
      taskSlots: 100,
    };
    expect(await plane.get('/v1/hosts')).toMatchObject({ status: 200, body: { items: [shown], nextCursor: null } });
    expect(await plane.get(`/v1/hosts/${agent.hostId}`)).toMatchObject({ status: 200, body: shown });
    for (const id of ['nonsense', '00000000-0000-4000-8000-000000000000']) expect((await plane.get(`/v1/hosts/${id}`)).status).toBe(404);
  });

  it('places what waits as soon as a host comes', async () => {
    plane = await startControlPlane(inject('databaseUrl'));
    const [id] = await run(await newWorld(plane.db), 1);
    await eventually(
      async () =>
        (await plane.db.query('SELECT pending_reason FROM tasks WHERE id = $1', [id]))[0].pending_reason?.summary === 'there are no hosts',
    );
    await addAgent();
    await counts({ running: 1 });
  });

  it('reads a task’s log lines from its host, and stops when told', async () => {
    plane = await startControlPlane(inject('databaseUrl'));
    const agent = await addAgent();
    const [id = '' as TaskId] = await run(await newWorld(plane.db), 1);
    await counts({ running: 1 });
    const line: LogLine = { at: new Date().toISOString(), container: 'main', stream: 'stdout', text: 'hello', partial: false };
    agent.machine.logs.set(id, [line]);
    const links = plane.app.get(HostLinks);
    const request = {
      taskId: id,
      container: null,
      tail: 10,
      since: null,
      follow: false,
      from: null,
      until: null,
      grep: null,
      stream: null,
    };
    const lines: LogLine[] = [];
    for await (const some of await links.openLogs(agent.hostId, request, new AbortController().signal)) lines.push(...some.lines);
    expect(lines).toEqual([{ ...line, end: 1 }]);
    const aborter = new AbortController();
    const following = await links.openLogs(agent.hostId, { ...request, follow: true }, aborter.signal);
    for await (const _ of following) aborter.abort();
    expect(aborter.signal.aborted).toBe(true);
    const unknown = links.openLogs('00000000-0000-4000-8000-000000000000' as HostId, request, new AbortController().signal);
    await expect(unknown).rejects.toMatchObject({
      code: 'host_unreachable',
    });
  });
});

describe('when things break', () => {
  it('a task that was committed and never pushed reaches its host at the next connect', async () => {
    plane = await startControlPlane(inject('databaseUrl'));
    const agent = await addAgent();
    const world = await newWorld(plane.db);
    await eventually(async () => (await hostState(agent.hostId)) === 'active');
    // What a control plane leaves that is killed between commit and push.
    plane = await plane.restart();
    await addTasks(plane.db, world, 10, { state: 'placed', hostId: agent.hostId });
    plane = await plane.restart();
    await counts({ running: 10 });
    expect(containersOf(agent).length).toBe(10);
  });

  it('tasks run on through a restart of the control plane and are told once', async () => {
    plane = await startControlPlane(inject('databaseUrl'));
    const agent = await addAgent();
    await run(await newWorld(plane.db), 20);
    await counts({ running: 20 });
    plane = await plane.restart();
    await eventually(() => plane.app.get(HostLinks).hostIds.includes(agent.hostId));
    await run(await newWorld(plane.db), 5);
    await counts({ running: 25 });
    expect(await plane.db.query(`SELECT count(*)::int AS n FROM task_events WHERE type = 'running'`)).toEqual([{ n: 25 }]);
    expect(containersOf(agent).length).toBe(25);
  });

  it('a host that goes away is unreachable, then lost; when it comes back its given-up tasks are stopped', async () => {
    plane = await startControlPlane(inject('databaseUrl'), { BERTH_HOST_UNREACHABLE_AFTER_MS: '1500', BERTH_HOST_LOST_AFTER_MS: '4000' });
    const agent = await addAgent();
    const other = await addAgent();
    await run(await newWorld(plane.db), 4);
    await counts({ running: 4 });
    const used = agents.find((one) => containersOf(one).length > 0) ?? agent;
    const unused = used === agent ? other : agent;
    const held = containersOf(used).length;
    await used.stop();
    agents = agents.filter((one) => one !== used);
    await eventually(async () => (await hostState(used.hostId)) === 'unreachable');
    expect(await hostState(unused.hostId)).toBe('active');
    await eventually(async () => (await hostState(used.hostId)) === 'lost');
    expect((await stateCounts(plane.db)).stopped).toBe(held);
    expect(await plane.db.query('SELECT DISTINCT stop_code FROM tasks WHERE host_id = $1', [used.hostId])).toEqual([
      { stop_code: 'HostLost' },
    ]);
    const { identity, storage, machine, bootId } = used;
    const back = await addAgent({ admission: { identity }, storage, machine, bootId, name: 'back' });
    await eventually(async () => (await hostState(back.hostId)) === 'active');
    await eventually(() => [...back.state.tasks.values()].every(({ state }) => state === 'stopped') && containersOf(back).length === 0);
    expect(await plane.db.query('SELECT DISTINCT stop_code FROM tasks WHERE host_id = $1', [used.hostId])).toEqual([
      { stop_code: 'HostLost' },
    ]);
  });

  it('a newer connection of a host replaces the older', async () => {
    plane = await startControlPlane(inject('databaseUrl'));
    const first = await addAgent({ reconnect: { firstMs: 60_000, mostMs: 60_000 } });
    await eventually(() => first.connected);
    await addAgent({ admission: { identity: first.identity }, reconnect: { firstMs: 60_000, mostMs: 60_000 } });
    await eventually(() => !first.connected);
    await sleep(100);
    expect(plane.app.get(HostLinks).hostIds).toEqual([first.hostId]);
  });
});
