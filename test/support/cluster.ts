// One throw-away PostgreSQL for a whole test run, and a fresh, migrated database for each test file that asks.
// BERTH_TEST_DATABASE_URL names a real server to use in its place (bin/test runs the db tests on both).
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { migrate } from '../../src/db/data-source.js';
import { startPostgres } from '../../src/standalone/postgres.js';

declare module 'vitest' {
  interface ProvidedContext {
    databaseUrl: string;
  }
}

export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

const template = 'berth_template';

/** vitest's globalSetup. */
export default async function setup(project: TestProject) {
  const given = process.env.BERTH_TEST_DATABASE_URL;
  const directory = await mkdtemp(join(tmpdir(), 'berth-test-pg-'));
  const server = given ? null : await startPostgres({ directory, port: await freePort(), unsafeNoSync: true });
  const url = given ?? (server?.url as string);
  await onServer(url, async (client) => {
    await client.query(`DROP DATABASE IF EXISTS ${template}`);
    await client.query(`CREATE DATABASE ${template}`);
  });
  await migrate(withDatabase(url, template));
  project.provide('databaseUrl', url);
  return async () => {
    await server?.stop();
    await rm(directory, { recursive: true, force: true });
  };
}

/** A database of its own with the schema in place. `drop` it when done. */
export async function freshDatabase(serverUrl: string): Promise<{ url: string; drop: () => Promise<void> }> {
  const name = `t_${process.pid}_${Math.random().toString(36).slice(2)}`;
  await onServer(serverUrl, (client) => client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`));
  return {
    url: withDatabase(serverUrl, name),
    drop: async () => {
      await onServer(serverUrl, (client) => client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
    },
  };
}

function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}

async function onServer(url: string, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
