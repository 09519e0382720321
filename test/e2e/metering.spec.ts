// What agents meter beside time, all the way to the cost: pulls of images, by the price book's switch, and what tasks send.
import type { Task } from '@berth/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type SimAgent, startSimAgent } from '../../agent/src/sim/sim-agent.js';
import { type Api, startApi } from '../support/api.js';
import { eventually } from '../support/fleet-rows.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { pushTinyImage } from '../support/tiny-image.js';

let registry: TestRegistry;
let berth: Api;
let agent: SimAgent;

beforeAll(async () => {
  registry = await startRegistry();
  await pushTinyImage(registry.address, 'busybox', 'latest', 'one');
  berth = await startApi({ BERTH_DEFAULT_REGISTRY: registry.address, BERTH_INSECURE_REGISTRIES: registry.address });
  const { body } = await berth.as(berth.operatorKey).post('/v1/host-tokens').send({}).expect(201);
  const capacity = { cpuMillis: 8_000, memoryMiB: 8_000, taskSlots: 20 };
  agent = await startSimAgent({ gatewayUrl: berth.config.gateway.url, admission: { token: body.token }, name: 'sim', capacity });
});
afterAll(async () => {
  await agent?.stop();
  await berth?.stop();
  await registry?.stop();
});

const book = (name: string, terms: object) =>
  berth.database.query("INSERT INTO price_books (name, version, currency, starts_at, terms) VALUES ($1, 1, 'USD', '2020-01-01', $2)", [
    name,
    JSON.stringify(terms),
  ]);

async function tenantWith(name: string, terms: object): Promise<string> {
  const tenant = await berth.newTenant();
  await book(name, terms);
  await berth.database.query("INSERT INTO tenant_prices (tenant_id, starts_at, book_name) VALUES ($1, '2020-01-01', $2)", [
    tenant.id,
    name,
  ]);
  return tenant.key;
}

/** Runs a task to its end, after it has run for a moment. */
async function ran(key: string, command: string[], more: object = {}): Promise<Task> {
  const containers = [{ name: 'main', image: 'busybox', command }];
  const definition = { family: 'job', cpuMillis: 1000, memoryMiB: 512, containers, ...more };
  const [{ id }] = (await berth.as(key).post('/v1/tasks').send({ definition }).expect(201)).body.items as [Task];
  const reaches = (state: string) =>
    eventually(async () => {
      const task: Task = (await berth.as(key).get(`/v1/tasks/${id}`).expect(200)).body;
      return task.state === state && task;
    });
  await reaches('running');
  await new Promise((resolve) => setTimeout(resolve, 300));
  await berth.as(key).post(`/v1/tasks/${id}/stop`).expect(200);
  return reaches('stopped');
}

const recordsOf = (id: string): Promise<{ ms: number; pull: boolean; egress: number; sequence: number }[]> =>
  berth.database.query(
    `SELECT (extract(epoch FROM ended_at - started_at) * 1000)::int AS ms, pull, egress_bytes::int AS egress, sequence
     FROM usage_records WHERE task_id = $1 ORDER BY sequence`,
    [id],
  );
const costOf = async (key: string, id: string) => (await berth.as(key).get(`/v1/tasks/${id}/cost`).expect(200)).body;

describe('the pull of an image', () => {
  // A price at which a millisecond of one CPU costs 1.
  const rates = [{ dimension: 'cpu', price: '3600000' }];

  it.each([true, false])('is billed if the price book says so: %s', async (imagePull) => {
    const key = await tenantWith(`pulls-${imagePull}`, { rates, imagePull });
    const { id } = await ran(key, ['pull', '400']);
    const [pull, run, ...rest] = await recordsOf(id);
    expect(rest).toEqual([]);
    expect([pull, run]).toMatchObject([
      { sequence: 0, pull: true, egress: 0 },
      { sequence: 1, pull: false },
    ]);
    expect(pull?.ms).toBeGreaterThanOrEqual(399);
    const { total, durationMs } = await costOf(key, id);
    expect(Number(total)).toBe((run?.ms ?? 0) + (imagePull ? (pull?.ms ?? 0) : 0));
    expect(durationMs).toBeGreaterThanOrEqual(run?.ms ?? 0);
    expect(Number((await berth.as(key).get('/v1/costs').expect(200)).body.total)).toBe(Number(total));
  });

  it('is no usage where nothing was pulled', async () => {
    const key = await tenantWith('pulls-nothing', { rates, imagePull: true });
    const { id } = await ran(key, ['run']);
    expect((await recordsOf(id)).map(({ pull }) => pull)).toEqual([false]);
  });
});

it('what a task sends to the outside is billed by the byte', async () => {
  const key = await tenantWith('egress', { rates: [{ dimension: 'egress', price: '1073741824' }] });
  const { id } = await ran(key, ['send', '1000000']);
  const records = await recordsOf(id);
  const sent = records.reduce((sum, { egress }) => sum + egress, 0);
  expect(sent).toBe(records.reduce((sum, { ms }) => sum + ms, 0) * 1000);
  expect(sent).toBeGreaterThan(0);
  expect(Number((await costOf(key, id)).total)).toBe(sent);
});

it('each port that a task publishes is an address for as long as it runs, also in quotes and while it runs', async () => {
  // A price at which a millisecond of one address costs 1.
  const key = await tenantWith('addresses', { rates: [{ dimension: 'address', price: '3600000' }] });
  const ports = [{ containerPort: 80 }, { containerPort: 53, protocol: 'udp' }, { containerPort: 443, hostPort: 8443 }];
  const { id } = await ran(key, ['run'], { publishedPorts: ports });
  const ms = (await recordsOf(id)).reduce((sum, record) => sum + record.ms, 0);
  expect(Number((await costOf(key, id)).total)).toBe(3 * ms);
  expect(Number((await berth.as(key).get('/v1/costs?groupBy=definition').expect(200)).body.groups[0].total)).toBe(3 * ms);
  const run = { taskDefinition: 'job:1', count: 2 };
  const { body } = await berth.as(key).post('/v1/quotes').send({ run, durationSeconds: 10 }).expect(200);
  expect(Number(body.total)).toBe(2 * 3 * 10_000);

  const second = await ran(key, ['run']);
  expect(Number((await costOf(key, second.id)).total)).toBe(0);
  const { body: started } = await berth.as(key).post('/v1/tasks').send({ taskDefinition: 'job:1' }).expect(201);
  const perHour = await eventually(async () => {
    const { perHour: now } = (await berth.as(key).get('/v1/costs').expect(200)).body;
    return now !== '0' && now;
  });
  expect(Number(perHour)).toBe(3 * 3_600_000);
  await berth.as(key).post(`/v1/tasks/${started.items[0].id}/stop`).expect(200);
});
