// A whole control plane for tests of the REST API: listening, on a database of its own, with helpers to make tenants and keys.
import { randomBytes } from 'node:crypto';
import type { CreatedApiKey, Tenant } from '@berth/contract';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import request from 'supertest';
import { DataSource } from 'typeorm';
import { inject } from 'vitest';
import { createApp } from '../../src/app.js';
import { type Config, readConfig } from '../../src/config.js';
import { freePort } from './cluster.js';
import { newGround } from './control-plane.js';

export type Role = 'viewer' | 'developer' | 'owner';

export interface Api {
  readonly app: NestFastifyApplication;
  readonly config: Config;
  readonly database: DataSource;
  /** Where it listens. */
  readonly url: string;
  readonly operatorKey: string;
  /** supertest's agent with a key's header set. */
  as(key: string): ReturnType<typeof request.agent>;
  anonymous(): ReturnType<typeof request.agent>;
  newTenant(role?: Role): Promise<{ id: string; key: string }>;
  newKey(tenantId: string, role: Role): Promise<string>;
  stop(): Promise<void>;
}

/** @param environment on top of what a test needs; DATABASE_URL may be given. */
export async function startApi(environment: Record<string, string> = {}): Promise<Api> {
  const ground = await newGround(inject('databaseUrl'), environment.DATABASE_URL);
  const config = readConfig({
    ...ground.env,
    BERTH_HTTP_PORT: String(await freePort()),
    BERTH_REPLICA: `test-${randomBytes(4).toString('hex')}`,
    BERTH_RATE_LIMIT_PER_SECOND: '100000',
    ...environment,
  });
  const operatorKey = config.operatorKey ?? '';
  const app = await createApp(config);
  await app.listen(config.http.port, config.http.host);
  const url = `http://${config.http.host}:${config.http.port}`;
  const as = (key: string) => request.agent(url).set('authorization', `Bearer ${key}`) as ReturnType<typeof request.agent>;
  const operator = as(operatorKey);
  const newKey = async (tenantId: string, role: Role) => {
    const answer = await operator.post(`/v1/tenants/${tenantId}/api-keys`).send({ name: role, role }).expect(201);
    return (answer.body as CreatedApiKey).secret;
  };
  return {
    app,
    config,
    database: app.get(DataSource),
    url,
    operatorKey,
    as,
    anonymous: () => request.agent(url),
    newKey,
    async newTenant(role = 'owner') {
      const answer = await operator
        .post('/v1/tenants')
        .send({ name: `t-${randomBytes(6).toString('hex')}` })
        .expect(201);
      const { id } = answer.body as Tenant;
      return { id, key: await newKey(id, role) };
    },
    async stop() {
      await app.close();
      await ground.drop();
    },
  };
}
