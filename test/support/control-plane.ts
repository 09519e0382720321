// The whole control plane for a test, on a database of its own, with an operator who makes host tokens.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DataSource } from 'typeorm';
import { createApp } from '../../src/app.js';
import { type Config, readConfig } from '../../src/config.js';
import { freePort, freshDatabase } from './cluster.js';

export interface ControlPlane {
  readonly config: Config;
  readonly app: NestFastifyApplication;
  readonly db: DataSource;
  readonly gatewayUrl: string;
  hostToken(): Promise<string>;
  /** GET as the operator. */
  get(url: string): Promise<{ status: number; body: unknown }>;
  /** Ends it as a deployment would, and starts the next one on the same database, port and authority. */
  restart(settings?: Readonly<Record<string, string>>): Promise<ControlPlane>;
  /** Forgets the database, too. */
  destroy(): Promise<void>;
}

const operatorKey = 'operator-key-of-the-tests-0123456789abcdef';

/** What a control plane in a test stands on. */
export interface Ground {
  /** For `readConfig`: a database, an empty directory for its authority, free ports, and an operator. */
  readonly env: Readonly<Record<string, string>>;
  drop(): Promise<void>;
}

/** @param given a migrated database to use in place of a new one of the test cluster. */
export async function newGround(serverUrl: string, given?: string): Promise<Ground> {
  const fresh = given === undefined ? await freshDatabase(serverUrl) : null;
  const pki = await mkdtemp(join(tmpdir(), 'berth-test-pki-'));
  return {
    env: {
      DATABASE_URL: given ?? (fresh?.url as string),
      BERTH_PKI_DIR: pki,
      BERTH_GATEWAY_PORT: String(await freePort()),
      BERTH_OPERATOR_KEY: operatorKey,
      BERTH_LOG_LEVEL: 'silent',
    },
    drop: async () => {
      await fresh?.drop();
      await rm(pki, { recursive: true, force: true });
    },
  };
}

/** @param settings environment variables of the control plane, as in src/config.ts. */
export async function startControlPlane(serverUrl: string, settings: Readonly<Record<string, string>> = {}): Promise<ControlPlane> {
  const ground = await newGround(serverUrl);
  const db = await new DataSource({ type: 'postgres', url: ground.env.DATABASE_URL, poolSize: 2 }).initialize();
  return start(ground, db, { BERTH_HEARTBEAT_MS: '500', ...settings });
}

/** @param settings stay for the next ones on the same ground. */
async function start(ground: Ground, db: DataSource, settings: Readonly<Record<string, string>>): Promise<ControlPlane> {
  const config = readConfig({ ...ground.env, ...settings });
  const app = await createApp(config);
  return {
    config,
    app,
    db,
    gatewayUrl: config.gateway.url,
    async hostToken() {
      const answer = await app.inject({
        method: 'POST',
        url: '/v1/host-tokens',
        headers: { authorization: `Bearer ${operatorKey}`, 'content-type': 'application/json' },
        payload: {},
      });
      if (answer.statusCode !== 201) throw new Error(`no host token: ${answer.statusCode} ${answer.body}`);
      return answer.json<{ token: string }>().token;
    },
    async get(url) {
      const answer = await app.inject({ method: 'GET', url, headers: { authorization: `Bearer ${operatorKey}` } });
      return { status: answer.statusCode, body: answer.json() };
    },
    async restart(next = {}) {
      await app.close();
      return start(ground, db, { ...settings, ...next });
    },
    async destroy() {
      await app.close();
      await db.destroy();
      await ground.drop();
    },
  };
}
