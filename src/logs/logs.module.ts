// Logs of ended tasks: where they are kept, how they come there, and how long they stay.
import { Module } from '@nestjs/common';
import type { Config } from '../config.js';
import { CONFIG } from '../db/db.module.js';
import { DirectoryLogStore } from './directory-log-store.service.js';
import { LogIntake } from './log-intake.service.js';
import { LogRetention } from './log-retention.service.js';
import { LOG_STORE, type LogStore } from './log-store.js';
import { S3LogStore } from './s3-log-store.service.js';
import { StoredLogReader } from './stored-log-reader.service.js';
import { StoredLogsStore } from './stored-logs.store.js';

function openLogStore({ logs: { store } }: Pick<Config, 'logs'>): LogStore | null {
  if (!store) return null;
  return store.kind === 's3' ? new S3LogStore(store) : new DirectoryLogStore(store.path);
}

@Module({
  providers: [
    { provide: LOG_STORE, inject: [CONFIG], useFactory: openLogStore },
    LogIntake,
    LogRetention,
    StoredLogReader,
    StoredLogsStore,
  ],
  exports: [LogIntake, LogRetention, StoredLogReader],
})
export class LogsModule {}
