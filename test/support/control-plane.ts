// The whole control plane for a test, on a database of its own, with an operator who makes host tokens.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DataSource } from 'typeorm';
import { createApp } from '../../src/app.js';
import { type Config, readConfig } from '../../src/config.js';
import { freePort, freshDatabase } from './cluster.js';

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

export interface ControlPlane {
  readonly config: Config;
  readonly app: NestFastifyApplication;
  readonly db: DataSource;
  readonly gatewayUrl: string;
  /** @param key the operator's by default */
  ask<T>(method: Method, url: string, payload?: object, key?: string): Promise<{ status: number; body: T }>;
  /** The same where nothing but success is expected. @throws Error with the answer if it is another. */
  call<T>(method: Method, url: string, payload?: object, key?: string): Promise<T>;
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
  const ask = async <T>(method: Method, url: string, payload?: object, key = operatorKey) => {
    const headers = { authorization: `Bearer ${key}`, ...(payload && { 'content-type': 'application/json' }) };
    const answer = await app.inject({ method, url, headers, ...(payload && { payload }) });
    return { status: answer.statusCode, body: answer.json<T>() };
  };
  const call = async <T>(method: Method, url: string, payload?: object, key?: string) => {
    const { status, body } = await ask<T>(method, url, payload, key);
    if (status >= 300) throw new Error(`${method} ${url}: ${status} ${JSON.stringify(body)}`);
    return body;
  };
  return {
    config,
    app,
    db,
    gatewayUrl: config.gateway.url,
    ask,
    call,
    hostToken: async () => (await call<{ token: string }>('POST', '/v1/host-tokens', {})).token,
    get: (url) => ask('GET', url),
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
