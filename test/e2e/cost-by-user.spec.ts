// Who submitted a task pays for it in the books: costs, drafts and budgets by user, from POST /v1/tasks on.
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Task } from '@berth/contract';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { insertUsage } from '../../src/billing/usage-intake.store.js';
import { type Api, startApi } from '../support/api.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { pushTinyImage } from '../support/tiny-image.js';

const cliFolder = resolve(import.meta.dirname, '../../cli');
const password = 'correct horse battery';
const definition = { family: 'web', cpuMillis: 1000, memoryMiB: 1024, containers: [{ name: 'main', image: 'busybox' }] };
const host = randomUUID();
const now = new Date();
const monthStart = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1);

let registry: TestRegistry;
let berth: Api;
let tenant: { id: string; key: string };
let key: { id: string; secret: string };
let ann: { id: string; token: string };

beforeAll(async () => {
  await promisify(execFile)('node', [join(cliFolder, 'bundle.mjs')]);
  registry = await startRegistry();
  await pushTinyImage(registry.address, 'busybox', 'latest', 'one');
  berth = await startApi({ BERTH_DEFAULT_REGISTRY: registry.address, BERTH_INSECURE_REGISTRIES: registry.address });
  tenant = await berth.newTenant();
  key = (await berth.as(tenant.key).post('/v1/api-keys').send({ name: 'ci', role: 'developer' }).expect(201)).body;
  const invitation = { email: 'ann@example.com', role: 'developer' };
  const { body: invited } = await berth.as(tenant.key).post('/v1/invitations').send(invitation).expect(201);
  await berth.anonymous().post('/v1/invitations/accept').send({ token: invited.token, password }).expect(204);
  const login = { email: invitation.email, password, transport: 'bearer' };
  const { body: session } = await berth.anonymous().post('/v1/sessions').send(login).expect(201);
  const { body: users } = await berth.as(tenant.key).get('/v1/users').expect(200);
  ann = { id: users.items[0].id, token: session.token };
  await berth.database.query("INSERT INTO hosts (id, name, state, last_seen_at) VALUES ($1, 'h', 'active', now())", [host]);
});
afterAll(async () => {
  await berth?.stop();
  await registry?.stop();
});

/** A task of theirs that ran for so many milliseconds of this month, and has stopped. */
async function use(credential: string, ms: number, more: object = {}): Promise<Task> {
  const { body } = await berth
    .as(credential)
    .post('/v1/tasks')
    .send({ definition, ...more })
    .expect(201);
  const task = body.items[0] as Task;
  await berth.database.query(
    `UPDATE tasks SET state = 'stopped', stop_code = 'UserInitiated', host_id = $2, started_at = $3, stopped_at = $3 WHERE id = $1`,
    [task.id, host, new Date(monthStart)],
  );
  const record = { hostId: host, taskId: task.id, sequence: 0, cpuMillis: 1000, memoryMiB: 0 };
  const times = { startedAt: new Date(monthStart).toISOString(), endedAt: new Date(monthStart + ms).toISOString() };
  await berth.database.transaction((manager) => insertUsage(manager, [{ ...record, ...times } as never]));
  return task;
}

it('says who submitted a task, and keeps to it', async () => {
  const [byKey, byAnn] = [await use(key.secret, 2_000), await use(ann.token, 1_000)];
  expect([byKey.submittedBy, byAnn.submittedBy]).toEqual([key.id, ann.id]);
  const { body } = await berth.as(tenant.key).get(`/v1/tasks/${byAnn.id}`).expect(200);
  expect(body.submittedBy).toBe(ann.id);
});

it('tells costs by user, with the names that people know', async () => {
  const { body } = await berth.as(tenant.key).get('/v1/costs?groupBy=user').expect(200);
  const groups = body.groups.map(({ key: id, label, total }: Record<string, string>) => [id, label, Number(total).toFixed(9)]);
  expect(groups).toEqual([
    [key.id, 'ci', ((0.03 * 2) / 3600).toFixed(9)],
    [ann.id, 'ann@example.com', (0.03 / 3600).toFixed(9)],
  ]);
  const env = { PATH: process.env.PATH, BERTH_CONFIG: join(tmpdir(), randomUUID()), BERTH_URL: berth.url, BERTH_API_KEY: tenant.key };
  const { stdout } = await promisify(execFile)('node', [join(cliFolder, 'dist/berth.js'), 'cost', '--by', 'user'], { env });
  expect(stdout).toMatch(/USER[\s\S]*^ci +0\.\d+ USD[\s\S]*^ann@example\.com +0\.\d+ USD/m);
});

it('goes on under the same name when a key is rotated', async () => {
  const { body: second } = await berth.as(tenant.key).post(`/v1/api-keys/${key.id}/rotate`).send({}).expect(201);
  const { body: third } = await berth.as(tenant.key).post(`/v1/api-keys/${second.id}/rotate`).send({}).expect(201);
  const run = (secret: string) => berth.as(secret).post('/v1/tasks').send({ definition }).expect(201);
  for (const { secret } of [second, third]) expect((await run(secret)).body.items[0].submittedBy).toBe(key.id);
});

it('makes budgets for somebody, as people call them', async () => {
  const env = { PATH: process.env.PATH, BERTH_CONFIG: join(tmpdir(), randomUUID()), BERTH_URL: berth.url, BERTH_API_KEY: tenant.key };
  const cli = (...words: string[]) => promisify(execFile)('node', [join(cliFolder, 'dist/berth.js'), 'budget', ...words], { env });
  await cli('create', 'ann', '1000', '--user', 'ann@example.com');
  await cli('create', 'ci', '1000', '--user', 'ci', '--group', 'nightly');
  const { body } = await berth.as(tenant.key).get('/v1/budgets').expect(200);
  expect(body.items.map(({ scope }: { scope: object }) => scope)).toEqual([{ user: ann.id }, { user: key.id, group: 'nightly' }]);
  await expect(cli('create', 'nobody', '1', '--user', 'nobody@example.com')).rejects.toMatchObject({
    stderr: expect.stringContaining('There is no user and no API key nobody@example.com.'),
  });
});

it('groups an invoice’s lines by user', async () => {
  const { items } = (await berth.as(tenant.key).get('/v1/invoices?state=draft').expect(200)).body;
  const { body } = await berth.as(tenant.key).get(`/v1/invoices/${items[0].id}?groupBy=user`).expect(200);
  const groups = new Map(body.groups.map((group: { name: string; label: string; lines: object[] }) => [group.name, group]));
  expect(groups.get(ann.id)).toMatchObject({ label: 'ann@example.com', lines: [{ dimension: 'cpu', quantity: '0.000277777778' }] });
  expect(groups.get(key.id)).toMatchObject({ label: 'ci', lines: [{ dimension: 'cpu', quantity: '0.000555555556' }] });
});

it('stops the new work of one user, or of one group, when their budget is spent, and of nobody else', async () => {
  const budget = (name: string, scope: object) => ({ name, amount: '0.000000000001', stopsNewWork: true, scope });
  const run = (credential: string, more: object = {}) =>
    berth
      .as(credential)
      .post('/v1/tasks')
      .send({ definition, ...more });
  await use(key.secret, 3_000, { group: 'nightly' });
  await berth
    .as(tenant.key)
    .post('/v1/budgets')
    .send(budget('anns', { user: ann.id }))
    .expect(201);
  await berth
    .as(tenant.key)
    .post('/v1/budgets')
    .send(budget('nights', { group: 'nightly' }))
    .expect(201);
  expect((await run(ann.token)).body).toMatchObject({ code: 'budget_spent', message: expect.stringContaining('anns') });
  expect((await run(key.secret, { group: 'nightly' })).body).toMatchObject({
    code: 'budget_spent',
    message: expect.stringContaining('nights'),
  });
  await run(key.secret).expect(201);
});
