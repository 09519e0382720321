// New keys for old ones: a tenant's data key and the master key are replaced, and everything that was sealed stays readable
// by those that may, and by nobody with the old keys.
import { randomBytes } from 'node:crypto';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ApiKeys } from '../../src/accounts/api-keys.service.js';
import { open } from '../../src/secrets/envelope.js';
import { FileMasterKey } from '../../src/secrets/file-master-key.service.js';
import { SecretValues } from '../../src/secrets/secret-values.service.js';
import { type Api, startApi } from '../support/api.js';

let directory: string;
let oldFile: string;
let newFile: string;
let berth: Api;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'berth-master-'));
  [oldFile, newFile] = [join(directory, 'old.key'), join(directory, 'new.key')];
  for (const file of [oldFile, newFile]) await writeFile(file, randomBytes(32).toString('base64'), { mode: 0o600 });
  berth = await startApi({ BERTH_MASTER_KEY_FILE: oldFile });
});
afterAll(async () => {
  await berth?.stop();
  await rm(directory, { recursive: true, force: true });
});

const secretOf = async (api: Api, tenantId: string, from: string) => {
  const [values = {}] = await api.app.get(SecretValues).of([{ tenantId, containers: [{ secrets: [{ name: 'X', from }] }] }]);
  if (values instanceof Error) throw values;
  return values[from] === undefined ? null : Buffer.from(values[from], 'base64').toString();
};

it('a new data key seals everything anew, while somebody writes; the one before opens nothing of it', async () => {
  const tenant = await berth.newTenant();
  const api = berth.as(tenant.key);
  const put = (name: string, value: string) => api.put(`/v1/secrets/${name}`).send({ value }).expect(200);
  for (const name of ['a', 'b'])
    await api
      .post('/v1/secrets')
      .send({ name, value: `${name}1` })
      .expect(201);
  await put('a', 'a2');
  const { body: key } = await api.post('/v1/api-keys').send({ name: 'aws', awsStyle: true }).expect(201);
  const before = await berth.database.query('SELECT * FROM data_keys WHERE tenant_id = $1', [tenant.id]);
  const oldKey = await FileMasterKey.open(oldFile, false).unwrap(tenant.id, before[0].wrapped);
  const [rotated] = await Promise.all([api.post('/v1/data-key/rotate').expect(200), put('b', 'b2'), put('a', 'a3')]);
  expect(rotated.body).toMatchObject({ keyVersion: 2 });
  expect(rotated.body.resealed).toBeGreaterThanOrEqual(4);
  // Whoever wrote in between with the key before is sealed anew the next time.
  await api.post('/v1/data-key/rotate').expect(200);
  for (const [from, value] of [
    ['a:1', 'a1'],
    ['a:2', 'a2'],
    ['a', 'a3'],
    ['b:1', 'b1'],
    ['b', 'b2'],
  ] as const)
    expect(await secretOf(berth, tenant.id, from)).toBe(value);
  expect(await berth.app.get(ApiKeys).byAccessKeyId(key.accessKeyId)).toMatchObject({ secretAccessKey: key.secretAccessKey });
  const sealed: { id: string; version: number; sealed: Buffer; key_version: number }[] = await berth.database.query(
    'SELECT s.id, v.version, v.sealed, v.key_version FROM secrets s JOIN secret_versions v ON v.secret_id = s.id WHERE s.tenant_id = $1',
    [tenant.id],
  );
  expect(new Set(sealed.map(({ key_version }) => key_version))).toEqual(new Set([3]));
  for (const row of sealed) expect(() => open(oldKey, `secret/${row.id}/${row.version}`, row.sealed)).toThrow();
  await berth.database.query("UPDATE retired_data_keys SET retired_at = now() - interval '1 hour'");
  expect((await api.post('/v1/data-key/rotate').expect(200)).body.deletedKeys).toBe(2);
  expect(await secretOf(berth, tenant.id, 'a')).toBe('a3');
});

it('a new master key wraps all data keys anew; then the old one can go', async () => {
  const tenant = await berth.newTenant();
  await berth.as(tenant.key).post('/v1/secrets').send({ name: 'kept', value: 'value' }).expect(201);
  const start = (settings: Record<string, string>) => startApi({ DATABASE_URL: berth.config.databaseUrl, ...settings });
  const between = await start({ BERTH_MASTER_KEY_FILE: newFile, BERTH_OLDER_MASTER_KEY_FILES: oldFile });
  try {
    expect(await secretOf(between, tenant.id, 'kept')).toBe('value');
    const { body } = await between.as(between.operatorKey).post('/v1/master-key/rewrap').expect(200);
    expect(body).toMatchObject({ masterKeyId: FileMasterKey.open(newFile, false).id });
    expect(body.rewrapped).toBeGreaterThanOrEqual(1);
    expect((await between.as(between.operatorKey).post('/v1/master-key/rewrap').expect(200)).body.rewrapped).toBe(0);
  } finally {
    await between.stop();
  }
  const after = await start({ BERTH_MASTER_KEY_FILE: newFile });
  expect(await secretOf(after, tenant.id, 'kept')).toBe('value');
  await after.stop();
  await copyFile(oldFile, join(directory, 'gone.key'));
  const without = await start({ BERTH_MASTER_KEY_FILE: join(directory, 'gone.key') });
  await expect(secretOf(without, tenant.id, 'kept')).rejects.toThrow(/needs the master key/);
  await without.stop();
});
