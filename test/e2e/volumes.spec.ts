// Volumes over REST, with simulated hosts: who may have which, where tasks that use one run, who waits and why, and what
// becomes of one that is deleted, also while its host is away.
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunTasksInput, Task, TaskDefinitionInput, Volume } from '@berth/contract';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type SimAgent, startSimAgent } from '../../agent/src/sim/sim-agent.js';
import { SignalBus } from '../../src/db/signals.js';
import { type Api, startApi } from '../support/api.js';
import { eventually } from '../support/fleet-rows.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { pushTinyImage } from '../support/tiny-image.js';

let registry: TestRegistry;
let berth: Api;
let agents: SimAgent[];
let tenant: { id: string; key: string };
const capacity = { cpuMillis: 2_000, memoryMiB: 2_000, taskSlots: 20, diskMiB: 50_000 };

beforeAll(async () => {
  registry = await startRegistry();
  await pushTinyImage(registry.address, 'busybox', 'latest', 'one');
  berth = await startApi({ BERTH_DEFAULT_REGISTRY: registry.address, BERTH_INSECURE_REGISTRIES: registry.address });
  tenant = await berth.newTenant();
  agents = [await addAgent('one'), await addAgent('two')];
});

afterAll(async () => {
  for (const agent of agents ?? []) await agent.stop();
  await berth?.stop();
  await registry?.stop();
});

afterEach(async () => {
  const { items } = (await api().get('/v1/tasks?limit=100').expect(200)).body as { items: Task[] };
  for (const { id, state } of items) if (state !== 'stopped') await stop(id);
});

async function addAgent(name: string, more: object = {}): Promise<SimAgent> {
  const { body } = await berth.as(berth.operatorKey).post('/v1/host-tokens').send({}).expect(201);
  const reconnect = { firstMs: 20, mostMs: 200 };
  return startSimAgent({ gatewayUrl: berth.config.gateway.url, admission: { token: body.token }, name, capacity, reconnect, ...more });
}

const api = () => berth.as(tenant.key);
const volumeOf = async (name: string): Promise<Volume> => (await api().get(`/v1/volumes/${name}`).expect(200)).body;
const taskOf = async (id: string): Promise<Task> => (await api().get(`/v1/tasks/${id}`).expect(200)).body;
const create = (name: string, sizeMiB = 100) => api().post('/v1/volumes').send({ name, sizeMiB }).expect(201);

function using(volume: string, { readOnly = false, ...more }: Partial<TaskDefinitionInput> & { readOnly?: boolean } = {}): RunTasksInput {
  const mountPoints = [{ volume: 'data', containerPath: '/data', readOnly }];
  const containers = [{ name: 'main', image: 'busybox', command: ['run'], mountPoints }];
  return { definition: { family: 'user', volumes: [{ name: 'data', volume }], containers, ...more } };
}

async function run(body: RunTasksInput): Promise<Task> {
  return (await api().post('/v1/tasks').send(body).expect(201)).body.items[0];
}

const inState = (id: string, state: Task['state']) =>
  eventually(async () => {
    const task = await taskOf(id);
    return task.state === state && task;
  });

/** A task that keeps others from the host that it would go to. */
const filler = (cpuMillis: number): RunTasksInput => ({
  definition: { family: 'filler', cpuMillis, containers: [{ name: 'main', image: 'busybox', command: ['run'] }] },
});

async function stop(id: string): Promise<void> {
  await api().post(`/v1/tasks/${id}/stop`).expect(200);
  await inState(id, 'stopped');
}

const pendingReason = (id: string, words: RegExp) =>
  eventually(async () => words.test((await taskOf(id)).pending?.summary ?? '') && (await taskOf(id)).pending?.summary);
const removedAt = async (id: string): Promise<Date | null> =>
  (await berth.database.query('SELECT removed_at FROM volumes WHERE id = $1', [id]))[0].removed_at;

describe('a volume', () => {
  it('is made, shown, listed and deleted, and its row stays for the bill', async () => {
    const { body } = await create('one', 1024);
    expect(body).toMatchObject({ name: 'one', sizeMiB: 1024, state: 'new', hostId: null, hostName: null, usedBy: [] });
    await create('two');
    expect((await api().get('/v1/volumes')).body.items.map(({ name }: Volume) => name)).toEqual(['one', 'two']);
    const page = (await api().get('/v1/volumes?limit=1').expect(200)).body;
    expect((await api().get(`/v1/volumes?limit=1&cursor=${page.nextCursor}`)).body.items.map(({ name }: Volume) => name)).toEqual(['two']);
    for (const name of ['one', 'two']) await api().delete(`/v1/volumes/${name}`).expect(200);
    await api().get('/v1/volumes/one').expect(404);
    await api().delete('/v1/volumes/one').expect(404);
    const rows = await berth.database.query('SELECT size_mib, created_at, deleted_at, removed_at FROM volumes WHERE id = $1', [body.id]);
    expect(rows).toMatchObject([{ size_mib: 1024, deleted_at: expect.any(Date), removed_at: expect.any(Date) }]);
    // The name is free.
    expect((await create('one')).body.id).not.toBe(body.id);
    await api().delete('/v1/volumes/one').expect(200);
  });

  it('has a name of its own and a size that can be', async () => {
    await create('taken');
    const again = await api().post('/v1/volumes').send({ name: 'taken', sizeMiB: 64 }).expect(409);
    expect(again.body).toMatchObject({ code: 'name_taken', field: 'name' });
    for (const [body, field] of [
      [{ name: '../x', sizeMiB: 64 }, 'name'],
      [{ name: 'x', sizeMiB: 63 }, 'sizeMiB'],
      [{ name: 'x' }, 'sizeMiB'],
      [{ name: 'x', sizeMiB: 64, host: 'a' }, 'host'],
    ] as const)
      expect((await api().post('/v1/volumes').send(body).expect(422)).body.field).toBe(field);
    await api().delete('/v1/volumes/taken').expect(200);
  });

  it('that there is not, or that is another tenant’s, can’t be used', async () => {
    await create('mine');
    const stranger = await berth.newTenant();
    const { body } = await berth.as(stranger.key).post('/v1/tasks').send(using('mine')).expect(422);
    expect(body).toMatchObject({ code: 'unknown_volume', field: 'volumes.0.volume' });
    expect((await berth.as(stranger.key).get('/v1/volumes')).body.items).toEqual([]);
    await api().delete('/v1/volumes/mine').expect(200);
    expect((await api().post('/v1/tasks').send(using('mine')).expect(422)).body.code).toBe('unknown_volume');
  });
});

describe('tasks that use a volume', () => {
  it('run where it lives from the first of them on, also when another host would be better', async () => {
    await create('bound');
    const first = await inState((await run(using('bound'))).id, 'running');
    expect(await volumeOf('bound')).toMatchObject({
      state: 'in-use',
      hostId: first.host?.id,
      hostName: first.host?.name,
      usedBy: [{ taskId: first.id, access: 'write' }],
    });
    await stop(first.id);
    expect(await volumeOf('bound')).toMatchObject({ state: 'available', usedBy: [] });
    // The other host has a task now, which makes it the better one for small tasks.
    const blocker = await inState((await run(filler(1900))).id, 'running');
    const other = await inState((await run(filler(1000))).id, 'running');
    expect(blocker.host?.id).not.toBe(other.host?.id);
    const free = [blocker, other].find(({ host }) => host?.id !== first.host?.id);
    const home = [blocker, other].find(({ host }) => host?.id === first.host?.id);
    if (!free || !home) throw new Error('both hosts have a task');
    const second = await run(using('bound', { cpuMillis: 1_500 }));
    expect(await pendingReason(second.id, /lives on/)).toMatch(
      new RegExp(`^the volume bound lives on ${first.host?.name}; there, needs 1500m CPU`),
    );
    await stop(free.id);
    expect((await taskOf(second.id)).state).toBe('pending');
    await stop(home.id);
    expect((await inState(second.id, 'running')).host?.id).toBe(first.host?.id);
    await stop(second.id);
    await api().delete('/v1/volumes/bound').expect(200);
  });

  it('write it one at a time, in their order; readers wait for nobody', async () => {
    await create('shared');
    const first = await inState((await run(using('shared'))).id, 'running');
    const second = await run(using('shared'));
    expect(await pendingReason(second.id, /another task writes/)).toMatch(/another task writes the volume shared, and one may at a time/);
    const reader = await inState((await run(using('shared', { readOnly: true }))).id, 'running');
    expect(reader.host?.id).toBe(first.host?.id);
    expect((await volumeOf('shared')).usedBy.map(({ taskId, access }) => [taskId, access])).toEqual([
      [first.id, 'write'],
      [second.id, 'write'],
      [reader.id, 'read'],
    ]);
    await stop(first.id);
    await inState(second.id, 'running');
    await stop(second.id);
    await stop(reader.id);
    await api().delete('/v1/volumes/shared').expect(200);
  });

  it('tell their host which it is, how large, and whether they write', async () => {
    const { id } = (await create('told', 200)).body as Volume;
    const task = await inState((await run(using('told', { readOnly: true }))).id, 'running');
    const spec = agents.flatMap(({ state }) => state.tasks.get(task.id as never)?.spec ?? [])[0];
    expect(spec?.volumes).toEqual([{ name: 'data', persistent: { id, sizeMiB: 200, access: 'read' } }]);
    expect(spec?.containers[0]?.mountPoints).toEqual([{ volume: 'data', path: '/data', readOnly: true }]);
    await stop(task.id);
    await api().delete('/v1/volumes/told').expect(200);
  });

  it('keep it from being deleted, and it holds its room on the host', async () => {
    await create('held', 10_000);
    const task = await inState((await run(using('held'))).id, 'running');
    const { body } = await api().delete('/v1/volumes/held').expect(409);
    expect(body).toMatchObject({ code: 'volume_in_use', message: expect.stringContaining(task.id) });
    const hostOf = async () => (await berth.as(berth.operatorKey).get(`/v1/hosts/${task.host?.id}`).expect(200)).body;
    expect((await hostOf()).usedDiskMiB).toBe(11_024);
    await stop(task.id);
    expect((await hostOf()).usedDiskMiB).toBe(10_000);
    const volume = await volumeOf('held');
    await api().delete('/v1/volumes/held').expect(200);
    await eventually(() => removedAt(volume.id));
    expect((await hostOf()).usedDiskMiB).toBe(0);
  });
});

/** A heartbeat that is being noted makes a host active again, so it is said until it stays. */
const setState = ({ hostId }: SimAgent, state: string) =>
  eventually(async () => {
    await berth.database.query('UPDATE hosts SET state = $2 WHERE id = $1', [hostId, state]);
    await sleep(1_500);
    const [host] = await berth.database.query('SELECT state FROM hosts WHERE id = $1', [hostId]);
    return host.state === state;
  });

describe('a volume whose host is away', () => {
  it('says so, lets its tasks wait, and is removed from the host when that is back', async () => {
    await create('away');
    const first = await inState((await run(using('away'))).id, 'running');
    await stop(first.id);
    const volume = await volumeOf('away');
    const index = agents.findIndex(({ hostId }) => hostId === volume.hostId);
    const agent = agents[index] as SimAgent;
    await agent.stop();
    await setState(agent, 'unreachable');
    expect((await volumeOf('away')).state).toBe('unreachable');
    const waits = await run(using('away'));
    await pendingReason(waits.id, /the volume away lives on .*; there, 1 host not active/);
    await stop(waits.id);
    await setState(agent, 'lost');
    expect((await volumeOf('away')).state).toBe('lost');
    await api().delete('/v1/volumes/away').expect(200);
    await api().get('/v1/volumes/away').expect(404);
    // Said to whoever is connected: the host it is about is not.
    berth.app.get(SignalBus).send('volumes', [agent.hostId]);
    expect(await removedAt(volume.id)).toBeNull();
    const { identity, storage, machine, bootId } = agent;
    agents[index] = await startSimAgent({
      ...{ gatewayUrl: berth.config.gateway.url, admission: { identity }, name: 'back', capacity, storage, machine, bootId },
    });
    await eventually(() => removedAt(volume.id));
  });
});
