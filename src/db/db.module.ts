// What every other module stands on: the settings, the logger, the connection to PostgreSQL and the signal bus.
import { type DynamicModule, Global, Inject, Injectable, Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { type Logger, pino } from 'pino';
import type { Config } from '../config.js';
import { dataSourceOptions } from './data-source.js';
import { SignalBus } from './signals.js';

/** Injection token of the `Config`. */
export const CONFIG = Symbol('Config');
/** Injection token of the process's pino `Logger`. */
export const LOGGER = Symbol('Logger');

/** Starts the bus before anything sends on it and stops it after everything else has stopped. */
@Injectable()
class SignalBusLife implements OnModuleInit, OnApplicationShutdown {
  constructor(@Inject(SignalBus) private readonly signals: SignalBus) {}

  async onModuleInit(): Promise<void> {
    await this.signals.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.signals.stop();
  }
}

@Global()
@Module({})
export class DbModule {
  static forRoot(config: Config): DynamicModule {
    const logger = newLogger(config);
    const onSignalError = (error: unknown) => logger.warn({ err: error }, 'the signal connection to PostgreSQL failed');
    return {
      module: DbModule,
      imports: [
        TypeOrmModule.forRoot({ ...dataSourceOptions(config.databaseUrl, config.databasePool), retryAttempts: 3, retryDelay: 1000 }),
      ],
      providers: [
        { provide: CONFIG, useValue: config },
        { provide: LOGGER, useValue: logger },
        { provide: SignalBus, useFactory: () => new SignalBus(config.databaseUrl, config.replica, onSignalError) },
        SignalBusLife,
      ],
      exports: [CONFIG, LOGGER, SignalBus, TypeOrmModule],
    };
  }
}

export function newLogger(config: Config): Logger {
  return pino({ level: config.logLevel, base: { replica: config.replica } });
}
