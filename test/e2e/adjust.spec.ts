// Changing running tasks over REST, with a simulated agent: size, freeze and thaw, signals, statistics, and what it costs.
import type { Task, TaskId } from '@berth/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type SimAgent, startSimAgent } from '../../agent/src/sim/sim-agent.js';
import { type Api, startApi } from '../support/api.js';
import { type ReceivedEvent, receiveEvents } from '../support/events.js';
import { eventually } from '../support/fleet-rows.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { pushTinyImage } from '../support/tiny-image.js';

let registry: TestRegistry;
let berth: Api;
let agent: SimAgent;
let tenant: { id: string; key: string };
const capacity = { cpuMillis: 2_000, memoryMiB: 2_000, taskSlots: 20 };

beforeAll(async () => {
  registry = await startRegistry();
  await pushTinyImage(registry.address, 'busybox', 'latest', 'one');
  berth = await startApi({ BERTH_DEFAULT_REGISTRY: registry.address, BERTH_INSECURE_REGISTRIES: registry.address });
  tenant = await berth.newTenant();
  const { body } = await berth.as(berth.operatorKey).post('/v1/host-tokens').send({}).expect(201);
  agent = await startSimAgent({ gatewayUrl: berth.config.gateway.url, admission: { token: body.token }, name: 'sim', capacity });
});
afterAll(async () => {
  await agent?.stop();
  await berth?.stop();
  await registry?.stop();
});

const api = () => berth.as(tenant.key);
const headers = () => ({ authorization: `Bearer ${tenant.key}` });
const get = async (id: string): Promise<Task> => (await api().get(`/v1/tasks/${id}`).expect(200)).body;
const patch = (id: string, body: object) => api().patch(`/v1/tasks/${id}`).send(body);
const events = async (id: string): Promise<string[]> =>
  (await api().get(`/v1/tasks/${id}/events`).expect(200)).body.items.map(({ type }: { type: string }) => type);

async function running(more: object = {}, command = ['run']): Promise<Task> {
  const definition = { family: 'job', cpuMillis: 500, memoryMiB: 256, containers: [{ name: 'main', image: 'busybox', command }], ...more };
  const { id } = (await api().post('/v1/tasks').send({ definition }).expect(201)).body.items[0] as Task;
  return eventually(async () => {
    const task = await get(id);
    return task.state === 'running' && task;
  });
}

async function stop(id: string): Promise<Task> {
  await api().post(`/v1/tasks/${id}/stop`).expect(200);
  return eventually(async () => {
    const task = await get(id);
    return task.state === 'stopped' && task;
  });
}

describe('resize', () => {
  it('holds at once, says so in events, and costs by the new size from then on', async () => {
    const { id } = await running();
    const { body } = await patch(id, { cpuMillis: 1000 }).expect(200);
    expect(body).toMatchObject({ cpuMillis: 1000, memoryMiB: 256, adjustment: null });
    expect((await api().get(`/v1/tasks/${id}/cost`)).body.perHour).toBe('0.030825');
    expect(await events(id)).toEqual(expect.arrayContaining(['resize-wanted', 'resized']));
    await stop(id);
    const records = await eventually(async () => {
      const rows = await berth.database.query('SELECT * FROM usage_records WHERE task_id = $1 ORDER BY sequence', [id]);
      return rows.length === 2 && rows;
    });
    expect(records.map(({ cpu_millis, memory_mib }: Record<string, number>) => [cpu_millis, memory_mib])).toEqual([
      [500, 256],
      [1000, 256],
    ]);
    expect(records[0].ended_at).toEqual(records[1].started_at);
  });

  it('is refused with what is used and free when the host has no room, and the task stays as it is', async () => {
    const [{ id }, other] = [await running(), await running({ memoryMiB: 1000 })];
    const { status, body } = await patch(id, { memoryMiB: 1100 });
    expect({ status, code: body.code, field: body.field }).toEqual({ status: 409, code: 'no_room', field: 'memoryMiB' });
    expect(body.message).toContain('1000 MiB free');
    expect(body.message).toContain('uses 1000 of 2000');
    expect(await get(id)).toMatchObject({ memoryMiB: 256, adjustment: null });
    for (const task of [id, other.id]) await stop(task);
  });

  it('is refused by the host when the task uses more, and leaves no trace in what is held', async () => {
    const containers = ['a', 'b', 'c'].map((name) => ({ name, image: 'busybox', command: ['run'] }));
    const { id } = await running({ containers });
    const { status, body } = await patch(id, { memoryMiB: 16 });
    expect({ status, code: body.code }).toEqual({ status: 409, code: 'adjustment_refused' });
    expect(body.message).toContain('uses 24 MiB');
    expect(await get(id)).toMatchObject({ memoryMiB: 256, adjustment: { state: 'refused', memoryMiB: 16 } });
    expect(await events(id)).toContain('adjustment-refused');
    expect((await patch(id, { memoryMiB: 16 })).body.code).toBe('adjustment_refused');
    expect((await patch(id, { memoryMiB: 32 }).expect(200)).body).toMatchObject({ memoryMiB: 32, adjustment: null });
    await stop(id);
  });

  it('and new tasks never have more than the tenant’s quota together, however many are asked for at once', async () => {
    const tasks = [await running({ cpuMillis: 100, memoryMiB: 32 }), await running({ cpuMillis: 100, memoryMiB: 32 })];
    const quotas = (cpuMillis: number | null) =>
      berth.as(berth.operatorKey).patch(`/v1/tenants/${tenant.id}/quotas`).send({ cpuMillis }).expect(200);
    await quotas(500);
    try {
      const { status, body } = await patch(tasks[0]?.id as string, { cpuMillis: 401 });
      expect({ status, code: body.code }).toEqual({ status: 409, code: 'quota_exceeded' });
      expect(body.message).toContain('500 milli-CPUs, of which 200 are used; this needs 301 more');
      expect(await get(tasks[0]?.id as string)).toMatchObject({ cpuMillis: 100, adjustment: null });
      const definition = {
        family: 'more',
        cpuMillis: 150,
        memoryMiB: 32,
        containers: [{ name: 'main', image: 'busybox', command: ['run'] }],
      };
      const answers = await Promise.all([
        ...tasks.flatMap(({ id }) => [250, 260, 270].map((cpuMillis) => patch(id, { cpuMillis }))),
        ...Array.from({ length: 6 }, () => api().post('/v1/tasks').send({ definition })),
      ]);
      expect(new Set(answers.map(({ status, body }) => (status < 300 ? 'done' : body.code)))).toEqual(new Set(['done', 'quota_exceeded']));
      const [{ held }] = await berth.database.query(
        "SELECT sum(cpu_millis)::int AS held FROM tasks WHERE tenant_id = $1 AND state <> 'stopped'",
        [tenant.id],
      );
      expect(held).toBeLessThanOrEqual(500);
      expect(held).toBeGreaterThan(200);
    } finally {
      await quotas(null);
      for (const { id } of (await api().get('/v1/tasks?state=running').expect(200)).body.items) await stop(id);
    }
  });

  it('makes room for a task that waits for it', async () => {
    const big = await running({ cpuMillis: 1900 });
    const definition = { family: 'waits', cpuMillis: 500, containers: [{ name: 'main', image: 'busybox', command: ['run'] }] };
    const waiting = (await api().post('/v1/tasks').send({ definition }).expect(201)).body.items[0] as Task;
    await patch(big.id, { cpuMillis: 1000 }).expect(200);
    await eventually(async () => (await get(waiting.id)).state === 'running');
    for (const { id } of [big, waiting]) await stop(id);
  });

  it('does not go below a container’s own limit, nor without a size', async () => {
    const containers = [{ name: 'main', image: 'busybox', command: ['run'], memoryMiB: 200 }];
    const { id } = await running({ containers });
    expect((await patch(id, { memoryMiB: 128 }).expect(422)).body).toMatchObject({ code: 'invalid_request', field: 'memoryMiB' });
    expect((await patch(id, {}).expect(422)).body.field).toBe('cpuMillis');
    expect((await patch(id, { cpuMillis: 5 }).expect(422)).body.field).toBe('cpuMillis');
    expect((await patch(id, { cpuMillis: 600, pidsLimit: 4 }).expect(422)).body.code).toBe('invalid_request');
    await stop(id);
    expect((await patch(id, { cpuMillis: 600 }).expect(409)).body.code).toBe('task_not_running');
  });

  it('is done later when the agent is away, and is pending until then', async () => {
    const { id } = await running();
    const { identity, storage, machine, bootId } = agent;
    await agent.stop();
    const { body } = await patch(id, { cpuMillis: 700 }).expect(200);
    expect(body).toMatchObject({ cpuMillis: 500, adjustment: { state: 'pending', cpuMillis: 700 } });
    agent = await startSimAgent({
      gatewayUrl: berth.config.gateway.url,
      admission: { identity },
      name: 'sim',
      capacity,
      storage,
      machine,
      bootId,
    });
    await eventually(async () => (await get(id)).cpuMillis === 700);
    expect(await get(id)).toMatchObject({ adjustment: null });
    await stop(id);
  });
});

describe('freeze and thaw', () => {
  it('are shown, may be repeated, and are in the usage', async () => {
    const { id } = await running();
    for (let n = 0; n < 2; n += 1)
      expect((await api().post(`/v1/tasks/${id}/freeze`).expect(200)).body).toMatchObject({ frozen: true, state: 'running' });
    await patch(id, { memoryMiB: 300 }).expect(200);
    expect((await get(id)).frozen).toBe(true);
    expect((await api().post(`/v1/tasks/${id}/thaw`).expect(200)).body).toMatchObject({ frozen: false, memoryMiB: 300 });
    expect((await events(id)).filter((type) => /freeze|frozen|thaw/.test(type))).toEqual([
      'freeze-wanted',
      'frozen',
      'thaw-wanted',
      'thawed',
    ]);
    await stop(id);
    const records = await eventually(async () => {
      const rows = await berth.database.query('SELECT frozen, memory_mib FROM usage_records WHERE task_id = $1 ORDER BY sequence', [id]);
      return rows.length === 4 && rows;
    });
    expect(records).toEqual([
      { frozen: false, memory_mib: 256 },
      { frozen: true, memory_mib: 256 },
      { frozen: true, memory_mib: 300 },
      { frozen: false, memory_mib: 300 },
    ]);
  });

  it('a frozen task stops', async () => {
    const { id } = await running();
    await api().post(`/v1/tasks/${id}/freeze`).expect(200);
    expect(await stop(id)).toMatchObject({ stopCode: 'UserInitiated', frozen: false });
    expect((await api().post(`/v1/tasks/${id}/freeze`).expect(409)).body.code).toBe('task_not_running');
  });
});

describe('a signal', () => {
  const signal = (id: string, body: object) => api().post(`/v1/tasks/${id}/signal`).send(body);

  it('reaches each container that runs, or the one that is named, and is in the events', async () => {
    const containers = ['a', 'b'].map((name) => ({ name, image: 'busybox', command: ['run'] }));
    const { id } = await running({ containers });
    expect((await signal(id, { signal: 'hup' }).expect(200)).body).toEqual({ signal: 'SIGHUP', containers: ['a', 'b'] });
    expect((await signal(id, { signal: 'SIGUSR1', container: 'b' }).expect(200)).body.containers).toEqual(['b']);
    const texts = agent.machine.logs.get(id as TaskId)?.map(({ container, text }) => `${container} ${text}`) ?? [];
    expect(texts).toEqual(expect.arrayContaining(['a got SIGHUP', 'b got SIGHUP', 'b got SIGUSR1']));
    expect(texts).not.toContain('a got SIGUSR1');
    expect((await events(id)).filter((type) => type === 'signalled')).toHaveLength(2);
    expect((await signal(id, { signal: 'NONSENSE' }).expect(422)).body.field).toBe('signal');
    expect((await signal(id, { signal: 'HUP', container: 'c' }).expect(422)).body.field).toBe('container');
    await stop(id);
    expect((await signal(id, { signal: 'HUP' }).expect(409)).body.code).toBe('task_not_running');
  });
});

describe('statistics', () => {
  it('are one sample, or one a second until the task ends', async () => {
    const { id } = await running({}, ['sleep', '4']);
    const once = (await api().get(`/v1/tasks/${id}/stats`).expect(200)).body;
    expect(once).toMatchObject({ taskId: id, containers: [{ name: 'main' }], network: null });
    expect(once.task.cpu.percent).toBeCloseTo(10, 0);
    const received: ReceivedEvent[] = [];
    for await (const event of receiveEvents(`${berth.url}/v1/tasks/${id}/stats?stream=true`, headers())) received.push(event);
    const samples = received.filter(({ event }) => event === 'message').map(({ data }) => data);
    expect(samples.length).toBeGreaterThanOrEqual(1);
    for (const [index, { at }] of samples.slice(1).entries()) expect(Date.parse(at)).toBeGreaterThan(Date.parse(samples[index].at));
    expect(received.at(-1)).toMatchObject({ event: 'end', data: { state: 'stopped' } });
    expect((await api().get(`/v1/tasks/${id}/stats`).expect(409)).body.code).toBe('task_not_running');
  });

  it('have a history', async () => {
    const { id } = await running();
    expect((await api().get(`/v1/tasks/${id}/stats/history`).expect(200)).body).toEqual({ everySeconds: 10, items: [] });
    await stop(id);
    expect((await api().get(`/v1/tasks/${id}/stats/history`).expect(409)).body.code).toBe('task_not_running');
  });
});
