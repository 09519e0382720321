// A process of the control plane: reads the settings, brings the schema up to date, serves until SIGTERM or SIGINT.
// `--check-config` prints the settings, with secrets masked, and ends.
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Logger } from 'pino';
import { createApp } from './app.js';
import { type Config, describeConfig, readConfig } from './config.js';
import { migrate } from './db/data-source.js';
import { newLogger } from './db/db.module.js';

/** Requests in flight get this long; then the process ends all the same. */
const shutdownMs = 10_000;

/** @param roles in place of those of the environment. */
export async function start(roles?: Config['roles']): Promise<void> {
  const config = settings(roles);
  if (process.argv.includes('--check-config')) return console.log(describeConfig(config));
  const logger = newLogger(config);
  try {
    await migrate(config.databaseUrl);
    const app = await createApp(config);
    await app.listen(config.http.port, config.http.host);
    stopOnSignals(app, logger);
    logger.info({ http: `${config.http.host}:${config.http.port}`, roles: config.roles }, 'Berth is up');
  } catch (error) {
    logger.fatal({ err: error }, 'Berth could not start');
    process.exit(1);
  }
}

function stopOnSignals(app: NestFastifyApplication, logger: Logger): void {
  const stop = async (signal: string) => {
    logger.info({ signal }, 'stopping');
    setTimeout(() => process.exit(1), shutdownMs).unref();
    try {
      await app.close();
      process.exit(0);
    } catch (error) {
      logger.error({ err: error }, 'did not stop cleanly');
      process.exit(1);
    }
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, stop);
}

function settings(roles: Config['roles'] | undefined): Config {
  try {
    const config = readConfig();
    return roles ? { ...config, roles } : config;
  } catch (error) {
    console.error(`The settings are not valid:\n${(error as Error).message}`);
    return process.exit(2);
  }
}
