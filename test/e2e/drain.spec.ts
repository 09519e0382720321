// Hosts that are emptied while they work: what becomes of their tasks, by budget, by deadline, and when the leader dies.
// The judge looks at the database all the time; what runs is asked of the simulated agents.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Drain, HostId, Interruption, RunTasksInput, Task } from '@berth/contract';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type SimAgent, startSimAgent } from '../../agent/src/sim/sim-agent.js';
import { createApp } from '../../src/app.js';
import { Leadership } from '../../src/placement/leadership.service.js';
import { type Api, startApi } from '../support/api.js';
import { eventually } from '../support/fleet-rows.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { pushTinyImage } from '../support/tiny-image.js';

let registry: TestRegistry;
let berth: Api;
let tenant: { id: string; key: string };
let agents: SimAgent[];

beforeAll(async () => {
  registry = await startRegistry();
  await pushTinyImage(registry.address, 'busybox', 'latest', 'busybox');
});
afterAll(() => registry?.stop());

async function start(more: Record<string, string> = {}): Promise<void> {
  berth = await startApi({
    BERTH_DEFAULT_REGISTRY: registry.address,
    BERTH_INSECURE_REGISTRIES: registry.address,
    BERTH_HEARTBEAT_MS: '500',
    BERTH_LEASE_MS: '1500',
    ...more,
  });
  tenant = await berth.newTenant();
}

beforeEach(async () => {
  agents = [];
  await start();
});
afterEach(async () => {
  await Promise.all(agents.map((agent) => agent.stop()));
  await berth?.stop();
});

const operator = () => berth.as(berth.operatorKey);

async function addHost(taskSlots = 20, interruption?: () => Interruption | null): Promise<SimAgent> {
  const { body } = await operator().post('/v1/host-tokens').send({}).expect(201);
  const agent = await startSimAgent({
    gatewayUrl: berth.config.gateway.url,
    admission: { token: body.token },
    name: `sim-${agents.length}`,
    capacity: { cpuMillis: 20_000, memoryMiB: 20_000, taskSlots },
    startDelayMs: 30,
    reconnect: { firstMs: 20, mostMs: 200 },
    ...(interruption && { interruption }),
  });
  agents.push(agent);
  return agent;
}

async function run(count: number, more: Partial<RunTasksInput> = {}, definition: object = {}): Promise<Task[]> {
  const body = {
    definition: {
      family: 'web',
      cpuMillis: 100,
      memoryMiB: 64,
      containers: [{ name: 'main', image: 'busybox', command: ['serve'] }],
      ...definition,
    },
    count,
    ...more,
  };
  return (await berth.as(tenant.key).post('/v1/tasks').send(body).expect(201)).body.items;
}

const get = async (id: string): Promise<Task> => (await berth.as(tenant.key).get(`/v1/tasks/${id}`).expect(200)).body;
const drain = async (hostId: string, body: object = {}): Promise<Drain> =>
  (await operator().post(`/v1/hosts/${hostId}/drain`).send(body).expect(200)).body;
const drainOf = async (hostId: string): Promise<Drain> => (await operator().get(`/v1/hosts/${hostId}/drain`).expect(200)).body;
const hostEvents = async (hostId: string): Promise<string[]> =>
  (await operator().get(`/v1/hosts/${hostId}/events`).expect(200)).body.items.map(({ type }: { type: string }) => type);
const running = async (where = 'true'): Promise<number> =>
  (await berth.database.query(`SELECT count(*)::int AS n FROM tasks WHERE state = 'running' AND ${where}`))[0].n;
const settled = (count: number, where?: string) => eventually(async () => (await running(where)) === count);
const isOver = (hostId: string) => eventually(async () => ((await drainOf(hostId)).outcome === 'drained' ? drainOf(hostId) : null));
/** The host that has most of the tasks. */
const busiest = async (): Promise<HostId> =>
  (await berth.database.query(`SELECT host_id, count(*) FROM tasks WHERE state = 'running' GROUP BY host_id ORDER BY 2 DESC LIMIT 1`))[0]
    .host_id;
const agentOf = (hostId: string) => agents.find((agent) => agent.hostId === hostId) as SimAgent;

describe('cordon', () => {
  it('gives a host no more tasks, and uncordon gives it some again', async () => {
    const [first, second] = [await addHost(), await addHost()];
    await operator().post(`/v1/hosts/${first.hostId}/cordon`).send({ reason: 'new disks' }).expect(200);
    await run(30);
    await settled(20);
    expect(await running(`host_id <> '${second.hostId}'`)).toBe(0);
    expect((await operator().get(`/v1/hosts/${first.hostId}`)).body).toMatchObject({ state: 'cordoned', availability: 'cordoned' });
    await operator().post(`/v1/hosts/${first.hostId}/uncordon`).expect(200);
    await settled(30);
    expect(await hostEvents(first.hostId)).toEqual(['enrolled', 'cordoned', 'uncordoned']);
  });
});

describe('a machine that its owner takes back', () => {
  it('says so, and is empty before that; its tasks run elsewhere', async () => {
    let notice: Interruption | null = null;
    const taken = await addHost(20, () => notice);
    const tasks = await run(3, { onHostDrain: 'replace' });
    await settled(3);
    await addHost();
    notice = { action: 'terminate', at: new Date(Date.now() + 120_000).toISOString() };
    await eventually(async () => (await hostEvents(taken.hostId)).includes('drain-started'));
    const over = await isOver(taken.hostId);
    expect(over).toMatchObject({ cause: 'fleet', tasksAtStart: 3, replaced: 3, forced: 0 });
    expect(Date.parse(notice.at) - Date.parse(over.deadlineAt)).toBeGreaterThanOrEqual(30_000);
    await settled(3, `host_id <> '${taken.hostId}'`);
    expect(await hostEvents(taken.hostId)).toEqual(['enrolled', 'interruption-notice', 'drain-started', 'drained']);
    expect((await get(tasks[0]?.id ?? '')).stopCode).toBe('Replaced');
  });

  it('has less time than an operator gave it, but not more', async () => {
    const at = new Date(Date.now() + 120_000).toISOString();
    const taken = await addHost(20, () => ({ action: 'terminate', at }));
    await run(1);
    await settled(1);
    await drain(taken.hostId, { deadlineSeconds: 3600 });
    const { deadlineAt, cause } = await eventually(async () => {
      const now = await drainOf(taken.hostId);
      return Date.parse(now.deadlineAt) <= Date.parse(at) && now;
    });
    expect([cause, Date.parse(deadlineAt) > Date.now()]).toEqual([expect.stringMatching(/operator|fleet/), true]);
  });
});

describe('a drain', () => {
  it('replaces what serves, and the old stops only when the new runs', async () => {
    await addHost();
    const [old] = await run(1, { onHostDrain: 'replace', name: 'web', tags: { team: 'a' } });
    await settled(1);
    const { hostId } = agents[0] as SimAgent;
    expect(await drain(hostId, { reason: 'kernel' })).toMatchObject({ tasksAtStart: 1, tasksLeft: 1, outcome: null, cause: 'operator' });
    // There is nowhere to go: it stays.
    const replacement = await eventually(async () => (await get(old?.id ?? '')).replacedBy);
    await sleep(1000);
    expect(await get(old?.id ?? '')).toMatchObject({ state: 'running', desiredState: 'running' });
    expect((await drainOf(hostId)).waiting).toEqual([{ taskId: old?.id, replacedBy: replacement, reason: 'its replacement is pending' }]);
    const other = await addHost();
    expect(await isOver(hostId)).toMatchObject({ tasksLeft: 0, replaced: 1, forced: 0, waiting: [] });
    expect(await get(old?.id ?? '')).toMatchObject({
      state: 'stopped',
      stopCode: 'Replaced',
      stopReason: expect.stringContaining(replacement),
    });
    expect(await get(replacement)).toMatchObject({
      state: 'running',
      name: 'web',
      tags: { team: 'a' },
      replaces: old?.id,
      onHostDrain: 'replace',
      host: { id: other.hostId },
    });
    expect((await operator().get(`/v1/hosts/${hostId}`)).body.state).toBe('cordoned');
    expect(await hostEvents(hostId)).toEqual(['enrolled', 'drain-started', 'drained']);
  });

  it('waits for what computes, stops it at the deadline, and says that this was forced', async () => {
    const [first, other] = [await addHost(), await addHost()];
    const [task] = await run(1);
    await settled(1);
    const hostId = await busiest();
    await drain(hostId, { deadlineSeconds: 600 });
    await sleep(500);
    expect((await get(task?.id ?? '')).desiredState).toBe('running');
    expect((await drainOf(hostId)).waiting[0]?.reason).toMatch(/end by itself/);
    await drain(hostId, { deadlineSeconds: 0 });
    const over = await isOver(hostId);
    expect(over).toMatchObject({ forced: 1, replaced: 0, forcedAt: expect.any(String) });
    expect(await get(task?.id ?? '')).toMatchObject({ state: 'stopped', stopCode: 'HostDrained', replacedBy: null });
    const cost = (await berth.as(tenant.key).get(`/v1/tasks/${task?.id}/cost`).expect(200)).body;
    expect(cost.total).toMatch(/^0(\.0*)?$/);
    expect(await hostEvents(hostId)).toEqual(['enrolled', 'drain-started', 'drain-changed', 'drain-forced', 'drained']);
    expect([first, other].flatMap(({ machine }) => [...machine.containers.keys()])).toEqual([]);
  });

  it('keeps protected tasks until the deadline, and replaces even them then', async () => {
    await Promise.all([addHost(), addHost()]);
    const [task] = await run(1, { onHostDrain: 'replace' });
    await settled(1);
    await berth.as(tenant.key).put(`/v1/tasks/${task?.id}/protection`).send({}).expect(200);
    const hostId = await busiest();
    await drain(hostId);
    await sleep(500);
    expect(await get(task?.id ?? '')).toMatchObject({ desiredState: 'running', replacedBy: null });
    expect((await drainOf(hostId)).waiting[0]?.reason).toBe('it is protected');
    await drain(hostId, { deadlineSeconds: 0 });
    await isOver(hostId);
    const ended = await get(task?.id ?? '');
    expect(ended).toMatchObject({ stopCode: 'HostDrained' });
    await eventually(async () => (await get(ended.replacedBy ?? '')).state === 'running');
  });

  it('never runs twice what must not', async () => {
    await Promise.all([addHost(), addHost()]);
    const [task] = await run(1, { onHostDrain: 'restart' });
    await settled(1);
    const seen: number[] = [];
    const judge = setInterval(() => seen.push(agents.reduce((sum, { machine }) => sum + machine.containers.size, 0)), 5);
    await drain(await busiest());
    const next = await eventually(async () => (await get(task?.id ?? '')).replacedBy);
    await eventually(async () => (await get(next)).state === 'running');
    clearInterval(judge);
    expect(Math.max(...seen)).toBe(1);
  });

  it('that has begun to replace a task does so although its host is lost; others of the host only end', async () => {
    await berth.stop();
    await start({ BERTH_HOST_UNREACHABLE_AFTER_MS: '2000', BERTH_HOST_LOST_AFTER_MS: '4000' });
    await addHost();
    const [served] = await run(1, { onHostDrain: 'replace' });
    const [computing] = await run(1, { onHostDrain: 'wait' });
    await settled(2);
    const { hostId } = agents[0] as SimAgent;
    await drain(hostId);
    const heir = await eventually(async () => (await get(served?.id ?? '')).replacedBy);
    await (agents[0] as SimAgent).stop();
    await eventually(async () => (await get(served?.id ?? '')).stopCode === 'HostLost');
    await addHost();
    await settled(1);
    expect(await get(heir)).toMatchObject({ state: 'running', replaces: served?.id, host: { id: agents[1]?.hostId } });
    expect(await get(served?.id ?? '')).toMatchObject({ state: 'stopped', replacedBy: heir });
    expect(await get(computing?.id ?? '')).toMatchObject({ state: 'stopped', stopCode: 'HostLost', replacedBy: null });
    expect((await drainOf(hostId)).outcome).toBe('lost');
  });

  it('is called off: what has not handed over stays, and its replacement goes', async () => {
    await addHost();
    const [task] = await run(1, { onHostDrain: 'replace' });
    await settled(1);
    const hostId = agents[0]?.hostId ?? '';
    await drain(hostId);
    const replacement = await eventually(async () => (await get(task?.id ?? '')).replacedBy);
    await operator().post(`/v1/hosts/${hostId}/uncordon`).expect(200);
    await eventually(async () => (await get(replacement)).state === 'stopped' || (await get(replacement)).state === 'running');
    await eventually(async () => (await berth.database.query('SELECT FROM evictions WHERE ended_at IS NULL')).length === 0);
    // Either it was withdrawn, and ends, or it was quicker: the opened host took it, and it has taken over.
    await settled(1);
    expect((await drainOf(hostId)).outcome).toBe('cancelled');
  });
});

describe('defragmentation', () => {
  const set = (settings: object) => operator().put('/v1/defragmentation').send(settings).expect(200);
  const found = () =>
    eventually(async () => {
      const { body } = await operator().get('/v1/defragmentation').expect(200);
      return body.steps.length > 0 ? body : null;
    });

  it('says which host it would empty, and empties it when it is switched on', async () => {
    const big = await addHost(20);
    await run(10, { onHostDrain: 'replace' });
    await settled(10);
    const little = await addHost(20);
    await operator().post(`/v1/hosts/${big.hostId}/cordon`).expect(200);
    await run(2, { onHostDrain: 'replace' });
    await settled(2, `host_id = '${little.hostId}'`);
    await operator().post(`/v1/hosts/${big.hostId}/uncordon`).expect(200);
    await set({ mode: 'advise', usedPercentAtMost: 2 });
    const advice = await found();
    expect(advice.steps).toMatchObject([{ hostId: little.hostId, cpuMillisFreed: 20_000 }]);
    expect(advice.steps[0].moves.map(({ toHostId }: { toHostId: string }) => toHostId)).toEqual([big.hostId, big.hostId]);
    expect((await operator().get(`/v1/hosts/${little.hostId}`)).body.state).toBe('active');
    await set({ mode: 'on', usedPercentAtMost: 2 });
    await eventually(async () => (await operator().get(`/v1/hosts/${little.hostId}`)).body.state !== 'active');
    expect(await isOver(little.hostId)).toMatchObject({ cause: 'defragmentation', replaced: 2, forced: 0 });
    await settled(12, `host_id = '${big.hostId}'`);
  });

  it('leaves a host alone whose tasks may not be moved', async () => {
    const big = await addHost(20);
    await run(10, { onHostDrain: 'replace' });
    await settled(10);
    const little = await addHost(20);
    await operator().post(`/v1/hosts/${big.hostId}/cordon`).expect(200);
    await run(1);
    await settled(1, `host_id = '${little.hostId}'`);
    await operator().post(`/v1/hosts/${big.hostId}/uncordon`).expect(200);
    await set({ mode: 'on', usedPercentAtMost: 2 });
    const looked = await eventually(async () => {
      const { body } = await operator().get('/v1/defragmentation').expect(200);
      return body.lookedAt ? body : null;
    });
    expect(looked.steps).toEqual([]);
    expect((await operator().get(`/v1/hosts/${little.hostId}`)).body.state).toBe('active');
  });
});

describe('a drain under load', () => {
  const budget = { minAvailablePercent: 80 };

  /** Looks at the group all the time. @returns what it has seen when it is stopped. */
  function judge(definition: string) {
    const seen = { looks: 0, violations: [] as string[], lowest: Number.POSITIVE_INFINITY };
    let on = true;
    const work = (async () => {
      while (on) {
        const [row] = await berth.database.query(
          `SELECT count(*) FILTER (WHERE t.state = 'running' AND t.desired_state = 'running' AND h.state = 'active')::int AS available
           FROM tasks t JOIN hosts h ON h.id = t.host_id JOIN task_definitions d ON d.id = t.task_definition_id WHERE d.family = $1`,
          [definition],
        );
        seen.looks += 1;
        seen.lowest = Math.min(seen.lowest, row.available);
        await sleep(5);
      }
    })();
    return {
      seen,
      stop: async () => {
        on = false;
        await work;
      },
    };
  }

  /** Short tasks, one lot after the other, until it is stopped. */
  function load() {
    const ids: string[] = [];
    let on = true;
    const work = (async () => {
      while (on) {
        ids.push(
          ...(await run(3, {}, { family: 'batch', containers: [{ name: 'main', image: 'busybox', command: ['sleep', '0.2'] }] })).map(
            ({ id }) => id,
          ),
        );
        await sleep(50);
      }
    })();
    return {
      ids,
      stop: async () => {
        on = false;
        await work;
      },
    };
  }

  it('violates no budget and loses nothing', async () => {
    await Promise.all(Array.from({ length: 4 }, () => addHost()));
    const served = await run(20, { onHostDrain: 'replace' }, { disruptionBudget: budget });
    await settled(20);
    const [watch, batches] = [judge('web'), load()];
    const hostId = await busiest();
    const before = await running(`host_id = '${hostId}'`);
    expect(before).toBeGreaterThan(5);
    await drain(hostId);
    await isOver(hostId);
    await sleep(300);
    await batches.stop();
    await watch.stop();
    expect(watch.seen.looks).toBeGreaterThan(20);
    expect(watch.seen.lowest).toBeGreaterThanOrEqual(16);
    // Each of the twenty is there once: itself, or in the end of its chain of replacements.
    await settled(20, `task_definition_id IN (SELECT id FROM task_definitions WHERE family = 'web')`);
    const now = await Promise.all(served.map(({ id }) => get(id)));
    for (const task of now) {
      const standing = task.replacedBy === null ? task : await get(task.replacedBy);
      expect(standing).toMatchObject({ state: 'running', desiredState: 'running' });
      expect(agentOf(standing.host?.id ?? '').machine.containers.has(standing.id as never)).toBe(true);
    }
    // Batches came to their own ends, every one of them.
    await eventually(async () => (await running()) === 20);
    const ended = await berth.database.query('SELECT stop_code, count(*)::int AS n FROM tasks WHERE id = ANY($1::uuid[]) GROUP BY 1', [
      batches.ids,
    ]);
    expect(ended).toEqual([{ stop_code: 'EssentialContainerExited', n: batches.ids.length }]);
    expect(agentOf(hostId).machine.containers.size).toBe(0);
  });

  it('goes on under the next leader when this one dies in the middle', async () => {
    await Promise.all(Array.from({ length: 3 }, () => addHost(40)));
    await run(30, { onHostDrain: 'replace' }, { disruptionBudget: { maxUnavailable: 2 } });
    await settled(30);
    // A second replica on the same database, without agents of its own.
    const config = { ...berth.config, replica: 'second', roles: ['scheduler'] as const, gateway: { ...berth.config.gateway, port: 1 } };
    const second = await createApp(config);
    const watch = judge('web');
    const hostId = await busiest();
    await drain(hostId);
    await eventually(async () => (await berth.database.query('SELECT FROM evictions')).length >= 3);
    // As a process that hangs: it renews its lease no more, and does not know it.
    berth.app.get(Leadership).pause();
    await eventually(() => second.get(Leadership).lease);
    await isOver(hostId);
    await watch.stop();
    await second.close();
    expect(watch.seen.lowest).toBeGreaterThanOrEqual(28);
    await settled(30);
    const doubled = await berth.database.query(
      `SELECT replaces FROM tasks WHERE state = 'running' AND replaces IS NOT NULL GROUP BY 1 HAVING count(*) > 1`,
    );
    expect(doubled).toEqual([]);
    expect(agents.reduce((sum, { machine }) => sum + machine.containers.size, 0)).toBe(30);
  });
});
