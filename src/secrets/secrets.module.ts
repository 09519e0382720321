// What tenants keep with Berth for their containers to use. How it gets into a container is the agent's.
import { join } from 'node:path';
import { Module } from '@nestjs/common';
import type { Config } from '../config.js';
import { CONFIG } from '../db/db.module.js';
import { DataKeys } from './data-keys.service.js';
import { MasterKey } from './master-key.service.js';
import { SecretBox } from './secret-box.service.js';
import { SecretValues } from './secret-values.service.js';
import { SecretsController } from './secrets.controller.js';
import { SecretsService } from './secrets.service.js';
import { SecretsStore } from './secrets.store.js';

@Module({
  controllers: [SecretsController],
  providers: [
    {
      provide: MasterKey,
      inject: [CONFIG],
      useFactory: ({ masterKeyFile, pkiDir }: Config) =>
        MasterKey.open(masterKeyFile ?? join(pkiDir, 'master.key'), masterKeyFile === null),
    },
    DataKeys,
    SecretBox,
    SecretValues,
    SecretsService,
    SecretsStore,
  ],
  exports: [SecretValues, SecretBox],
})
export class SecretsModule {}
