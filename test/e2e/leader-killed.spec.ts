// A leader that is killed, again and again, while a host is drained and many tasks wait: its successors go on from what is
// in the database, no budget is violated meanwhile, and nothing is lost or there twice.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Drain, RunTasksInput, Task } from '@berth/contract';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type SimAgent, startSimAgent } from '../../agent/src/sim/sim-agent.js';
import { type Api, startApi } from '../support/api.js';
import { type ReplicaProcess, startScheduler } from '../support/control-plane-process.js';
import { eventually } from '../support/fleet-rows.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { pushTinyImage } from '../support/tiny-image.js';

const serving = 24;
const waiting = 600;
const lease = { BERTH_LEASE_MS: '1000' };

let registry: TestRegistry;
let berth: Api;
let tenant: { id: string; key: string };
const agents: SimAgent[] = [];
const schedulers: ReplicaProcess[] = [];

beforeAll(async () => {
  registry = await startRegistry();
  await pushTinyImage(registry.address, 'busybox', 'latest', 'busybox');
  berth = await startApi({
    BERTH_DEFAULT_REGISTRY: registry.address,
    BERTH_INSECURE_REGISTRIES: registry.address,
    BERTH_HEARTBEAT_MS: '500',
    BERTH_ROLES: 'api,gateway',
    ...lease,
  });
  tenant = await berth.newTenant();
});
afterEach(() => Promise.all(schedulers.map((one) => one.kill())));
afterAll(async () => {
  await Promise.all(agents.map((agent) => agent.stop()));
  await berth?.stop();
  await registry?.stop();
});

const sql = (text: string, values: unknown[] = []) => berth.database.query(text, values);
const count = async (where: string): Promise<number> => (await sql(`SELECT count(*)::int AS n FROM ${where}`))[0].n;
const running = (family: string) =>
  count(`tasks t JOIN task_definitions d ON d.id = t.task_definition_id WHERE t.state = 'running' AND d.family = '${family}'`);

async function run(family: string, tasks: number, more: Partial<RunTasksInput> = {}, definition: object = {}): Promise<Task[]> {
  const containers = [{ name: 'main', image: 'busybox', command: ['serve'] }];
  const body = { definition: { family, cpuMillis: 50, memoryMiB: 32, containers, ...definition }, count: tasks, ...more };
  return (await berth.as(tenant.key).post('/v1/tasks').send(body).expect(201)).body.items;
}

async function addHost(): Promise<void> {
  const { body } = await berth.as(berth.operatorKey).post('/v1/host-tokens').send({}).expect(201);
  const agent = await startSimAgent({
    gatewayUrl: berth.config.gateway.url,
    admission: { token: body.token },
    name: `sim-${agents.length}`,
    capacity: { cpuMillis: 40_000, memoryMiB: 40_000, taskSlots: 1000 },
    startDelayMs: 300,
    reconnect: { firstMs: 20, mostMs: 200 },
  });
  agents.push(agent);
}

async function anotherScheduler(): Promise<void> {
  schedulers.push(await startScheduler(berth.config, `scheduler-${schedulers.length}`, lease));
}

/** The one that leads now. */
const leader = async () => {
  const [row] = await sql('SELECT holder FROM leases WHERE expires_at > now()');
  // Each life of a replica has a name of its own.
  return schedulers.find(({ name }) => row?.holder.startsWith(`${name}/`));
};

/** Looks all the time. @returns the fewest of those that serve that were available, when it is stopped. */
function judge() {
  let lowest = Number.POSITIVE_INFINITY;
  let on = true;
  const work = (async () => {
    while (on) {
      const available = await count(
        `tasks t JOIN hosts h ON h.id = t.host_id JOIN task_definitions d ON d.id = t.task_definition_id
         WHERE d.family = 'web' AND t.state = 'running' AND t.desired_state = 'running' AND h.state = 'active'`,
      );
      lowest = Math.min(lowest, available);
      await sleep(5);
    }
  })();
  return async () => {
    on = false;
    await work;
    return lowest;
  };
}

it('loses and doubles nothing, and violates no budget', { timeout: 120_000 }, async () => {
  await Promise.all([addHost(), addHost(), addHost()]);
  await Promise.all([anotherScheduler(), anotherScheduler()]);
  const served = await run('web', serving, { onHostDrain: 'replace' }, { disruptionBudget: { maxUnavailable: 2 } });
  await eventually(async () => (await running('web')) === serving);
  const [busiest] = await sql(`SELECT host_id FROM tasks GROUP BY host_id ORDER BY count(*) DESC LIMIT 1`);
  const hostId: string = busiest.host_id;
  const drainOf = async (): Promise<Drain> => (await berth.as(berth.operatorKey).get(`/v1/hosts/${hostId}/drain`).expect(200)).body;
  const stopWatch = judge();
  await berth.as(berth.operatorKey).post(`/v1/hosts/${hostId}/drain`).send({ deadlineSeconds: 3600 }).expect(200);
  for (let kills = 1; kills <= 3; kills++) {
    // In the middle: some evictions have begun since the last time, and tasks are being placed.
    await eventually(async () => (await count('evictions')) >= 4 * kills);
    await run('batch', waiting / 3);
    await eventually(async () => (await count(`task_events WHERE type = 'placed'`)) > serving + (kills - 1) * (waiting / 3));
    const killed = await eventually(leader);
    await anotherScheduler();
    await killed.kill();
  }
  await eventually(async () => (await drainOf()).outcome === 'drained');
  await eventually(async () => (await running('batch')) === waiting);
  await eventually(async () => (await running('web')) === serving);
  expect(await stopWatch()).toBeGreaterThanOrEqual(serving - 2);
  expect(await drainOf()).toMatchObject({ tasksLeft: 0, forced: 0 });
  // Whoever has left has one heir; every task was placed once; the agents run what the database says, and nothing else.
  expect(await count('(SELECT FROM tasks WHERE replaces IS NOT NULL GROUP BY replaces HAVING count(*) > 1) AS twice')).toBe(0);
  expect(await count(`(SELECT FROM task_events WHERE type = 'placed' GROUP BY task_id HAVING count(*) > 1) AS twice`)).toBe(0);
  expect(await count('evictions WHERE ended_at IS NULL')).toBe(0);
  expect(await count(`tasks WHERE state NOT IN ('running', 'stopped')`)).toBe(0);
  for (const { id } of served) {
    const task: Task = (await berth.as(tenant.key).get(`/v1/tasks/${id}`)).body;
    const heir: Task = task.replacedBy === null ? task : (await berth.as(tenant.key).get(`/v1/tasks/${task.replacedBy}`)).body;
    expect(heir).toMatchObject({ state: 'running', desiredState: 'running' });
  }
  const onHosts = agents.flatMap(({ machine }) => [...machine.containers.keys()]);
  expect(onHosts).toHaveLength(serving + waiting);
  expect(new Set(onHosts).size).toBe(onHosts.length);
});
