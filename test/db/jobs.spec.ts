// The background job, the same on both of its backends: PostgreSQL, which is the default, and Redis.
import { randomUUID } from 'node:crypto';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { createApp } from '../../src/app.js';
import { type Config, readConfig } from '../../src/config.js';
import { queueName } from '../../src/jobs/job-runner.service.js';
import { sweepJob } from '../../src/jobs/maintenance.service.js';
import { openQueue } from '../../src/jobs/queues.js';
import { freshDatabase } from '../support/cluster.js';
import { noRedis, startRedis } from '../support/redis.js';

interface Backend {
  readonly name: string;
  readonly skip: string | null;
  start(): Promise<{ url?: string; stop: () => Promise<void> }>;
}
const backends: Backend[] = [
  { name: 'PostgreSQL', skip: null, start: async () => ({ stop: async () => {} }) },
  { name: 'Redis', skip: noRedis, start: startRedis },
];

let database: Awaited<ReturnType<typeof freshDatabase>>;
let client: pg.Client;
let app: NestFastifyApplication | null;

beforeEach(async () => {
  app = null;
  database = await freshDatabase(inject('databaseUrl'));
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
});
afterEach(async () => {
  await app?.close();
  await client.end();
  await database.drop();
});

const settings = (redisUrl: string | undefined): Config =>
  readConfig({
    DATABASE_URL: database.url,
    REDIS_URL: redisUrl,
    BERTH_ROLES: 'worker',
    BERTH_PKI_DIR: '/nonexistent',
    BERTH_LOG_LEVEL: 'silent',
  });

async function addRows(): Promise<void> {
  const tenant = randomUUID();
  await client.query('INSERT INTO tenants (id, name) VALUES ($1, $2)', [tenant, tenant]);
  await client.query(
    `INSERT INTO idempotency_keys (tenant_id, key, request_hash, task_ids, created_at)
     SELECT $1, 'key-' || hours, '', '{}', now() - hours * interval '1 hour' FROM unnest(ARRAY[1, 23, 25, 48]) AS hours`,
    [tenant],
  );
  await client.query(
    `INSERT INTO host_tokens (secret_hash, expires_at, used_at) VALUES
       ('used long ago', now() + interval '1 hour', now() - interval '25 hours'), ('expired long ago', now() - interval '25 hours', NULL),
       ('used lately', now(), now() - interval '1 hour'), ('valid', now() + interval '1 hour', NULL)`,
  );
}

const left = async () => ({
  keys: (await client.query('SELECT key FROM idempotency_keys ORDER BY created_at DESC')).rows.map((row) => row.key),
  tokens: (await client.query("SELECT convert_from(secret_hash, 'UTF8') AS token FROM host_tokens ORDER BY 1")).rows.map(
    (row) => row.token,
  ),
});
const swept = { keys: ['key-1', 'key-23'], tokens: ['used lately', 'valid'] };

describe.each(backends)('on $name', ({ name, skip, start }) => {
  it.skipIf(skip)(`sweeps what is over when it starts, and when it is asked to${skip ? ` (skipped: ${skip})` : ''}`, async () => {
    const server = await start();
    try {
      await addRows();
      const config = settings(server.url);
      expect(config.redisUrl === null).toBe(name === 'PostgreSQL');
      app = await createApp(config);
      await expect.poll(left, { timeout: 15_000 }).toEqual(swept);
      await client.query('TRUNCATE idempotency_keys, host_tokens');
      await addRows();
      const queue = openQueue(config, queueName);
      await queue.add(sweepJob, {});
      await expect.poll(left, { timeout: 15_000 }).toEqual(swept);
      await queue.close();
    } finally {
      await app?.close();
      app = null;
      await server.stop();
    }
  });
});

describe.each(backends)('on $name, too', ({ skip, start }) => {
  it.skipIf(skip)(`closes the months that are over, as soon as it starts${skip ? ` (skipped: ${skip})` : ''}`, async () => {
    const server = await start();
    try {
      await client.query("INSERT INTO tenants (id, name, created_at) VALUES ($1, 'old', now() - interval '100 days')", [randomUUID()]);
      app = await createApp(settings(server.url));
      const months = async () => (await client.query('SELECT state FROM invoices ORDER BY starts_at')).rows.map(({ state }) => state);
      await expect.poll(months, { timeout: 15_000 }).toEqual(expect.arrayContaining(['closed', 'closed', 'closed', 'draft']));
      expect((await months()).filter((state) => state === 'draft')).toHaveLength(1);
    } finally {
      await app?.close();
      app = null;
      await server.stop();
    }
  });
});

it('a process whose Redis is away starts and serves all the same', async () => {
  app = await createApp({ ...settings('redis://127.0.0.1:1'), roles: ['api', 'worker'] });
  const answer = await app.inject({ method: 'GET', url: '/readyz' });
  expect(answer.statusCode).toBe(200);
});
