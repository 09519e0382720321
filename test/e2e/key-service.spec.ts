// A master key that stays in a key service, asked through a program: secrets are sealed and opened, keys move between file and
// service, and a service that is away, lies or hangs costs an error and nothing else.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type SimAgent, startSimAgent } from '../../agent/src/sim/sim-agent.js';
import { readConfig } from '../../src/config.js';
import { DataKeys } from '../../src/secrets/data-keys.service.js';
import { KeyCommand } from '../../src/secrets/key-command.service.js';
import { SecretValues } from '../../src/secrets/secret-values.service.js';
import { type Api, startApi } from '../support/api.js';
import { type KeyService, startKeyService } from '../support/key-service.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { pushTinyImage } from '../support/tiny-image.js';

let service: KeyService;
let directory: string;
let file: string;
let berth: Api;
const command = (keyId?: string) => ({
  BERTH_MASTER_KEY_COMMAND: service.program,
  BERTH_MASTER_KEY_TIMEOUT_MS: '2000',
  ...(keyId && { BERTH_MASTER_KEY_ID: keyId }),
});

beforeAll(async () => {
  service = await startKeyService(['alias/first', 'alias/second']);
  directory = await mkdtemp(join(tmpdir(), 'berth-key-file-'));
  file = join(directory, 'master.key');
  await writeFile(file, randomBytes(32).toString('base64'), { mode: 0o600 });
  berth = await startApi(command('alias/first'));
});
afterAll(async () => {
  await berth?.stop();
  await service?.stop();
  await rm(directory, { recursive: true, force: true });
});
beforeEach(() => service.be('well'));

const beside = (settings: Record<string, string>) => startApi({ DATABASE_URL: berth.config.databaseUrl, ...settings });
const secretOf = async (api: Api, tenantId: string) => {
  const [values = {}] = await api.app.get(SecretValues).of([{ tenantId, containers: [{ secrets: [{ name: 'X', from: 'kept' }] }] }]);
  if (values instanceof Error) throw values;
  return Buffer.from(values.kept ?? '', 'base64').toString();
};
const keep = (tenant: { key: string }, value = 'value') => berth.as(tenant.key).post('/v1/secrets').send({ name: 'kept', value });
const keyIdOf = async (tenantId: string) =>
  (await berth.database.query('SELECT master_key_id FROM data_keys WHERE tenant_id = $1', [tenantId]))[0]?.master_key_id;

it('wraps and unwraps tenants’ keys, by another replica as well', async () => {
  const tenant = await berth.newTenant();
  await keep(tenant).expect(201);
  expect(await keyIdOf(tenant.id)).toBe('command:alias/first');
  const other = await beside(command('alias/first'));
  expect(await secretOf(other, tenant.id)).toBe('value');
  await other.stop();
  const asked = await service.asked();
  expect(asked.filter(({ context }) => context.tenantId === tenant.id).map(({ verb, keyId }) => `${verb} ${keyId}`)).toEqual([
    'wrap alias/first',
    'unwrap alias/first',
    'unwrap alias/first',
  ]);
  for (const { args, verb, environment } of asked) {
    expect(args, 'nothing of the key in the list of processes').toEqual([verb]);
    expect(
      environment.filter((name) => !['PATH', 'PWD', 'SHLVL', '_', 'OLDPWD'].includes(name)),
      'no passwords of Berth’s',
    ).toEqual([]);
  }
});

it('moves from a file to the service, from one key of it to another, and back', async () => {
  const tenant = await berth.newTenant();
  const rewrap = async (settings: Record<string, string>) => {
    const api = await beside(settings);
    const { body } = await api.as(api.operatorKey).post('/v1/master-key/rewrap').expect(200);
    expect(await secretOf(api, tenant.id)).toBe('value');
    await api.stop();
    return body.masterKeyId;
  };
  await keep(tenant).expect(201);
  const fileId = await rewrap({ BERTH_MASTER_KEY_FILE: file, ...command() });
  expect(fileId).toMatch(/^[0-9a-f]{16}$/);
  expect(await keyIdOf(tenant.id)).toBe(fileId);
  expect(await rewrap({ BERTH_OLDER_MASTER_KEY_FILES: file, ...command('alias/second') })).toBe('command:alias/second');
  expect(await rewrap(command('alias/first')), 'older keys of the service need no setting').toBe('command:alias/first');
  expect(await secretOf(berth, tenant.id)).toBe('value');
});

describe('a key service that', () => {
  it.each(['down', 'babbling', 'silent'] as const)('is %s is an error to try again after, and leaves nothing behind', async (mood) => {
    const tenant = await berth.newTenant();
    await service.be(mood);
    const answer = await keep(tenant);
    expect([answer.status, answer.body.code, answer.body.message]).toEqual([
      503,
      'unavailable',
      expect.stringContaining('the key service'),
    ]);
    expect(answer.text).not.toMatch(/ECONNREFUSED|html/);
    expect((await berth.as(tenant.key).get('/v1/secrets').expect(200)).body.items).toEqual([]);
    await service.be('well');
    await keep(tenant).expect(201);
  });

  it('knows no such key is an error', async () => {
    const api = await beside(command('alias/none'));
    const tenant = await api.newTenant();
    expect((await api.as(tenant.key).post('/v1/secrets').send({ name: 'kept', value: 'x' })).status).toBe(503);
    await api.stop();
  });

  it('takes no notice of whose key it is, does not make one tenant’s that of another', async () => {
    await service.be('forgetful');
    const [one, other] = [await berth.newTenant(), await berth.newTenant()];
    await keep(one, 'ones').expect(201);
    await keep(other, 'others').expect(201);
    await berth.database.query('UPDATE data_keys SET wrapped = (SELECT wrapped FROM data_keys WHERE tenant_id = $2) WHERE tenant_id = $1', [
      ...[one.id, other.id],
    ]);
    const api = await beside(command('alias/first'));
    await expect(api.app.get(DataKeys).toSeal(one.id as never)).rejects.toThrow(/is no data key of tenant/);
    expect(await secretOf(api, other.id)).toBe('others');
    await api.stop();
  });
});

describe('while it is away', () => {
  let registry: TestRegistry;
  let agent: SimAgent;
  let api: Api;
  beforeAll(async () => {
    registry = await startRegistry();
    await pushTinyImage(registry.address, 'busybox', 'latest', 'one');
    api = await startApi({
      ...{ ...command('alias/first'), BERTH_HEARTBEAT_MS: '500' },
      ...{ BERTH_DEFAULT_REGISTRY: registry.address, BERTH_INSECURE_REGISTRIES: registry.address },
    });
    const { body } = await api.as(api.operatorKey).post('/v1/host-tokens').send({}).expect(201);
    agent = await startSimAgent({
      ...{ gatewayUrl: api.config.gateway.url, admission: { token: body.token }, name: 'sim' },
      ...{ capacity: { cpuMillis: 10_000, memoryMiB: 10_000, taskSlots: 100 }, reconnect: { firstMs: 20, mostMs: 200 } },
    });
  });
  afterAll(async () => {
    await agent?.stop();
    await api?.stop();
    await registry?.stop();
  });

  it('only tasks that need it wait, and start when it is back', { timeout: 60_000 }, async () => {
    const tenant = await api.newTenant();
    const own = api.as(tenant.key);
    await own.post('/v1/secrets').send({ name: 'kept', value: 'value' }).expect(201);
    await service.be('down');
    const run = async (family: string, more: object) => {
      const definition = { family, containers: [{ name: 'main', image: 'busybox', ...more }] };
      return (await own.post('/v1/tasks').send({ definition }).expect(201)).body.items[0].id as string;
    };
    const stateOf = async (id: string) => (await own.get(`/v1/tasks/${id}`).expect(200)).body.state;
    const waits = await run('waits', { secrets: [{ name: 'X', from: 'kept' }] });
    await expect.poll(() => stateOf(waits), { timeout: 20_000 }).toBe('placed');
    const runs = await run('runs', {});
    await expect.poll(() => stateOf(runs), { timeout: 20_000 }).toBe('running');
    expect(await stateOf(waits)).toBe('placed');
    await service.be('well');
    await expect.poll(() => stateOf(waits), { timeout: 20_000 }).toBe('running');
  });
});

describe('settings', () => {
  const needed = { DATABASE_URL: 'postgres://x', BERTH_PKI_DIR: '/x' };

  it('that can’t be meant are refused', () => {
    expect(() => readConfig({ ...needed, BERTH_MASTER_KEY_ID: 'alias/x' })).toThrow('BERTH_MASTER_KEY_ID: needs BERTH_MASTER_KEY_COMMAND');
    expect(() => readConfig({ ...needed, BERTH_MASTER_KEY_COMMAND: 'aws kms' })).toThrow(
      'BERTH_MASTER_KEY_COMMAND: must be the path of a program',
    );
    expect(() => new KeyCommand(join(directory, 'none'), 1000)).toThrow(/BERTH_MASTER_KEY_COMMAND can't be run: ENOENT/);
    expect(() => new KeyCommand(file, 1000)).toThrow(/BERTH_MASTER_KEY_COMMAND can't be run: EACCES/);
  });
});
