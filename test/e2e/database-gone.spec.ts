// PostgreSQL goes away under a running control plane, and comes back: 503 meanwhile, and nothing to restart.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { migrate } from '../../src/db/data-source.js';
import { type Postgres, startPostgres } from '../../src/standalone/postgres.js';
import { type Api, startApi } from '../support/api.js';
import { freePort } from '../support/cluster.js';

let directory: string;
let port: number;
let postgres: Postgres;
let berth: Api;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'berth-test-gone-'));
  port = await freePort();
  postgres = await startPostgres({ directory, port, unsafeNoSync: true });
  await migrate(postgres.url);
  berth = await startApi({ DATABASE_URL: postgres.url });
});
afterAll(async () => {
  await berth?.stop();
  await postgres?.stop();
  await rm(directory, { recursive: true, force: true });
});

it('answers 503 with Retry-After while it is away, and goes on by itself when it is back', async () => {
  const { key } = await berth.newTenant();
  const api = berth.as(key);
  await api.get('/v1/tasks').expect(200);
  await postgres.stop();

  for (const answer of [
    await api.get('/v1/tasks'),
    await api.post('/v1/tasks').send({ taskDefinition: 'web' }),
    await berth.anonymous().get('/readyz'),
  ]) {
    expect({ status: answer.status, code: answer.body.code }).toEqual({ status: 503, code: 'unavailable' });
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect(answer.body.message).toContain('running tasks are not affected');
  }
  // A key that nobody has asked for lately needs the database to be told from a wrong one: not 401.
  const stranger = await berth.as(`berth_00000000_${'A'.repeat(43)}`).get('/v1/tasks');
  expect(stranger.status).toBe(503);
  await berth.anonymous().get('/healthz').expect(200);
  expect((await berth.anonymous().get('/metrics').expect(200)).text).toContain('berth_http_request_seconds');

  postgres = await startPostgres({ directory, port, unsafeNoSync: true });
  await expect.poll(async () => (await api.get('/v1/tasks')).status, { timeout: 20_000, interval: 250 }).toBe(200);
  await berth.anonymous().get('/readyz').expect(200);
});
