// Budgets over the API: thresholds, alerts by webhook and e-mail until they are taken, and the stop on new work.
import { execFile } from 'node:child_process';
import { createHmac, randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { SMTPServer } from 'smtp-server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BudgetAlerts } from '../../src/billing/budgets/budget-alerts.service.js';
import { Webhooks } from '../../src/billing/budgets/webhook.service.js';
import { insertUsage } from '../../src/billing/usage-intake.store.js';
import { type Api, startApi } from '../support/api.js';

interface Call {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const secret = 'a-secret-of-the-tests';
const calls: Call[] = [];
const mails: string[] = [];
let answer = 200;
let berth: Api;
let tenant: { id: string; key: string };
let hookUrl: string;

const receiver = createServer((request, response) => {
  let body = '';
  request.on('data', (chunk) => {
    body += chunk;
  });
  request.on('end', () => {
    calls.push({ headers: request.headers, body });
    response.writeHead(answer, answer === 302 ? { location: '/elsewhere' } : {}).end();
  });
});
const mailServer = new SMTPServer({
  authOptional: true,
  disabledCommands: ['STARTTLS'],
  onData(stream, _session, done) {
    let text = '';
    stream.on('data', (chunk: Buffer) => {
      text += chunk;
    });
    stream.on('end', () => {
      mails.push(text);
      done();
    });
  },
});

const portOf = (server: { address(): unknown }) => (server.address() as AddressInfo).port;
const tell = () => berth.app.get(BudgetAlerts).tell();
const look = () => berth.app.get(BudgetAlerts).lookAtAll();
const run = { definition: { family: 'web', containers: [{ name: 'main', image: 'busybox' }] } };

beforeAll(async () => {
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  await new Promise<void>((resolve) => {
    const listening = mailServer.listen(0, '127.0.0.1', () => resolve());
    listening.unref();
  });
  hookUrl = `http://127.0.0.1:${portOf(receiver)}/hook`;
  berth = await startApi({
    BERTH_ROLES: 'api',
    BERTH_SMTP_URL: `smtp://127.0.0.1:${portOf(mailServer.server)}`,
    BERTH_WEBHOOK_NETWORKS: '127.0.0.1/32',
  });
  tenant = await berth.newTenant();
});
afterAll(async () => {
  await berth?.stop();
  receiver.close();
  mailServer.close();
});

/** So many dollars, this month, of a task with this tag. */
async function spend(hours: number, tags: object = {}): Promise<void> {
  const [id, host] = [randomUUID(), randomUUID()];
  const now = new Date();
  const start = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1);
  await berth.database.query("INSERT INTO hosts (id, name, state) VALUES ($1, 'h', 'active')", [host]);
  await berth.database.query(
    `WITH definition AS (
       INSERT INTO task_definitions (id, tenant_id, family, revision, spec, spec_hash) VALUES ($1, $2, $3, 1, '{}', '') RETURNING id)
     INSERT INTO tasks (id, tenant_id, task_definition_id, cpu_millis, memory_mib, state, stop_code, stopped_at, host_id, tags)
     SELECT $1, $2, id, 1, 1, 'stopped', 'UserInitiated', now(), $4, $5 FROM definition`,
    [id, tenant.id, `f${id.slice(0, 8)}`, host, tags],
  );
  const record = {
    ...{ hostId: host as never, taskId: id as never, sequence: 0, memoryMiB: 0 },
    cpuMillis: Math.round((hours / 0.03) * 1000),
    startedAt: new Date(start).toISOString(),
    endedAt: new Date(start + 1_000).toISOString(),
  };
  // A second of very many CPUs, so that the test can be run at the first of a month.
  await berth.database.transaction((manager) => insertUsage(manager, [{ ...record, cpuMillis: record.cpuMillis * 3600 }]));
}

describe('budgets', () => {
  it('tell thresholds once, to whom was named, signed, again until they are taken', async () => {
    const budget = { name: 'all', amount: '10', thresholds: [50, 100], emails: ['cfo@example.com'], webhook: { url: hookUrl, secret } };
    const { body } = await berth.as(tenant.key).post('/v1/budgets').send(budget).expect(201);
    expect(body).toMatchObject({ name: 'all', amount: '10', scope: {}, exhausted: false, webhookUrl: hookUrl });
    expect(JSON.stringify(body)).not.toContain(secret);
    await look();
    expect(await tell()).toBe(0);

    await spend(6);
    answer = 500;
    await look();
    await look();
    expect(await tell()).toBe(1);
    expect(mails).toHaveLength(1);
    expect(mails[0]).toContain('To: cfo@example.com');
    expect(mails[0]).toMatch(/Subject: Budget all: 50 % is spent/);
    const failed = (await berth.as(tenant.key).get('/v1/budget-alerts')).body.items[0].deliveries;
    expect(failed).toMatchObject([
      { kind: 'email', attempts: 1, failure: null, deliveredAt: expect.any(String) },
      { kind: 'webhook', attempts: 1, failure: 'It answered 500.', deliveredAt: null },
    ]);
    // Not due yet: it is left alone for a while.
    expect([await tell(), calls.length]).toEqual([0, 1]);
    answer = 200;
    await berth.database.query('UPDATE budget_deliveries SET next_attempt_at = now()');
    expect([await tell(), calls.length, await tell()]).toEqual([1, 2, 0]);
    const [first, second] = calls as [Call, Call];
    expect(first.headers['berth-delivery']).toBe(second.headers['berth-delivery']);
    expect(JSON.parse(second.body)).toMatchObject({
      type: 'budget.threshold',
      budget: 'all',
      threshold: 50,
      amount: '10',
      tenantId: tenant.id,
    });
    const [, seconds, hex] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(second.headers['berth-signature'])) ?? [];
    expect(hex).toBe(createHmac('sha256', secret).update(`${seconds}.${second.body}`).digest('hex'));
    expect(JSON.stringify(await berth.database.query('SELECT webhook_secret::text FROM budgets'))).not.toContain(
      Buffer.from(secret).toString('hex'),
    );
  });

  it('stop new work of their scope once they are spent, and no other', async () => {
    await berth
      .as(tenant.key)
      .post('/v1/budgets')
      .send({ name: 'team-a', amount: '1', stopsNewWork: true, scope: { tag: { key: 'team', value: 'a' } } })
      .expect(201);
    const runAs = (team: string) => berth.as(tenant.key).post('/v1/tasks').send({ taskDefinition: 'stop', tags: { team } });
    await berth.database.query(
      `INSERT INTO task_definitions (id, tenant_id, family, revision, spec, spec_hash) VALUES ($1, $2, 'stop', 1, $3, '')`,
      [
        randomUUID(),
        tenant.id,
        JSON.stringify({
          ...run.definition,
          family: 'stop',
          cpuMillis: 100,
          memoryMiB: 64,
          tags: {},
          isolation: 'container',
          containers: [{ ...run.definition.containers[0], imageDigest: 'sha256:0', essential: true, environment: {} }],
        }),
      ],
    );
    await runAs('a').expect(201);
    await spend(2, { team: 'a' });
    await look();
    const { body } = await runAs('a').expect(409);
    expect(body).toMatchObject({ code: 'budget_spent' });
    expect(body.message ?? body.detail).toContain('team-a');
    await runAs('b').expect(201);
    await berth.as(tenant.key).delete('/v1/budgets/team-a').expect(204);
    await runAs('a').expect(201);
  });

  it('have a name of their own, and are nobody else’s', async () => {
    await berth.as(tenant.key).post('/v1/budgets').send({ name: 'all', amount: '10' }).expect(409);
    const other = await berth.newTenant();
    await berth.as(other.key).get('/v1/budgets/all').expect(404);
    expect((await berth.as(other.key).get('/v1/budget-alerts')).body.items).toEqual([]);
    for (const bad of [{ amount: '0' }, { amount: '-1' }, { amount: '1', thresholds: [80, 50] }, { amount: '1', emails: ['no address'] }])
      await berth
        .as(tenant.key)
        .post('/v1/budgets')
        .send({ name: 'bad', ...bad })
        .expect(422);
  });
});

describe('webhooks', () => {
  const hooks = (networks: readonly string[]) => new Webhooks({ alerts: { allowedNetworks: networks } } as never);
  const call = (url: string) => ({ url, secret, body: '{}', id: '1' });

  it('go nowhere but to the Internet', async () => {
    const before = calls.length;
    const port = portOf(receiver);
    for (const host of ['127.0.0.1', 'localhost', '[::1]', '[::ffff:127.0.0.1]', '2130706433', '0x7f.1', '0', '169.254.169.254'])
      await expect(hooks([]).send(call(`http://${host}:${port}/`)), host).rejects.toThrow(/not on the public Internet/);
    expect(calls.length).toBe(before);
    // The same call arrives where the operator allows it: it was the check that refused it.
    await hooks(['127.0.0.0/8']).send(call(`http://127.0.0.1:${port}/`));
    expect(calls.length).toBe(before + 1);
  });

  it('go to the address that was checked, whatever its name leads to a moment later', async () => {
    const resolver = join(await mkdtemp(join(tmpdir(), 'berth-test-names-')), 'resolv.conf');
    await writeFile(resolver, 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n');
    const [open, inside] = ['93.184.215.14', '127.0.0.1'];
    // A network of its own, in which this machine has an address of the Internet; its names are the attacker's.
    const script = `mount --bind ${resolver} /etc/resolv.conf && ip link set lo up && ip addr add ${open}/32 dev lo && exec "$@"`;
    const attack = [process.execPath, '--import', 'tsx', join(import.meta.dirname, '../support/rebinding.ts'), open, inside];
    const own = ['--user', '--map-root-user', '--net', '--mount', '--'];
    const { stdout } = await promisify(execFile)('unshare', [...own, 'sh', '-c', script, 'sh', ...attack]);
    await rm(dirname(resolver), { recursive: true });
    expect(JSON.parse(stdout)).toEqual({
      // The second call asks again, and is refused; the naive one arrives where none should.
      arrived: ['rebinds.test at its address', 'naive.test at the inside'],
      refused: ['rebinds.test', 'mixed.test', 'metadata.test', 'private.test', 'loopback6.test', 'unknown.test'],
      questions: 2,
    });
  });

  it('follow no redirect', async () => {
    answer = 302;
    const before = calls.length;
    await expect(hooks(['127.0.0.0/8']).send(call(hookUrl))).rejects.toThrow('redirects are not followed');
    expect(calls.length).toBe(before + 1);
    answer = 200;
  });
});
