// What tenants keep with Berth for their containers to use. How it gets into a container is the agent's.
import { join } from 'node:path';
import { Module } from '@nestjs/common';
import type { Config } from '../config.js';
import { CONFIG } from '../db/db.module.js';
import { DataKeys } from './data-keys.service.js';
import { DataKeysStore } from './data-keys.store.js';
import { KeyRotation } from './key-rotation.service.js';
import { KeysController } from './keys.controller.js';
import { MasterKey } from './master-key.service.js';
import { MasterKeys } from './master-keys.service.js';
import { SecretBox } from './secret-box.service.js';
import { SecretValues } from './secret-values.service.js';
import { SecretsController } from './secrets.controller.js';
import { SecretsService } from './secrets.service.js';
import { SecretsStore } from './secrets.store.js';

@Module({
  controllers: [SecretsController, KeysController],
  providers: [
    {
      provide: MasterKeys,
      inject: [CONFIG],
      useFactory: ({ masterKeyFile, olderMasterKeyFiles, pkiDir }: Config) =>
        new MasterKeys(
          MasterKey.open(masterKeyFile ?? join(pkiDir, 'master.key'), masterKeyFile === null),
          olderMasterKeyFiles.map((file) => MasterKey.open(file, false)),
        ),
    },
    DataKeys,
    DataKeysStore,
    KeyRotation,
    SecretBox,
    SecretValues,
    SecretsService,
    SecretsStore,
  ],
  exports: [MasterKeys, SecretBox, SecretValues],
})
export class SecretsModule {}
