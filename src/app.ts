// Boots the control plane from a configuration. `main.ts` and the tests both start here.
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { OpenAPIObject } from '@nestjs/swagger';
import { AppModule } from './app.module.js';
import { type Config, readConfig } from './config.js';
import { buildOpenApi } from './http/openapi.js';
import { answerWrongMethods, newServer } from './http/server.js';

/**
 * The whole control plane, with the roles that `config` names, initialised and running but not listening for HTTP:
 * `await app.listen(config.http.port, config.http.host)` does that, and `app.close()` stops everything.
 * The database must have been migrated.
 * @throws what a part throws at its start, for example when PostgreSQL cannot be reached.
 */
export async function createApp(config: Config): Promise<NestFastifyApplication> {
  const server = newServer(config);
  answerWrongMethods(server);
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.forRoot(config), server, {
    logger: false,
    bodyParser: false,
    abortOnError: false,
  });
  await app.init();
  await app.getHttpAdapter().getInstance().ready();
  return app;
}

/** The OpenAPI document of the controllers as they are in the code. Starts nothing. */
export async function describeApi(): Promise<OpenAPIObject> {
  const config = readConfig({ DATABASE_URL: 'postgres://nowhere/none', BERTH_PKI_DIR: '/nonexistent', BERTH_LOG_LEVEL: 'silent' });
  const app = await NestFactory.create(AppModule.forRoot(config), newServer(config), { logger: false, preview: true, abortOnError: false });
  return buildOpenApi(app);
}
