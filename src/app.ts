// Boots the control plane from a configuration. `main.ts` and the tests both start here.
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from './app.module.js';
import type { Config } from './config.js';

/**
 * The whole control plane, with the roles that `config` names, initialised and running but not listening for HTTP:
 * `await app.listen(config.http.port, config.http.host)` does that, and `app.close()` stops everything.
 * The database must have been migrated.
 */
export async function createApp(config: Config): Promise<NestFastifyApplication> {
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.forRoot(config), new FastifyAdapter(), { logger: false });
  await app.init();
  await app.getHttpAdapter().getInstance().ready();
  return app;
}
