// What tenants keep with Berth for their containers to use. How it gets into a container is the agent's.
import { join } from 'node:path';
import { Module } from '@nestjs/common';
import type { Config } from '../config.js';
import { CONFIG } from '../db/db.module.js';
import { CommandMasterKey } from './command-master-key.service.js';
import { DataKeys } from './data-keys.service.js';
import { DataKeysStore } from './data-keys.store.js';
import { FileMasterKey } from './file-master-key.service.js';
import { KeyCommand } from './key-command.service.js';
import { KeyRotation } from './key-rotation.service.js';
import { KeysController } from './keys.controller.js';
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
      useFactory: openMasterKeys,
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

function openMasterKeys({ masterKeyFile, olderMasterKeyFiles, masterKeyCommand, pkiDir }: Config): MasterKeys {
  const root = FileMasterKey.open(masterKeyFile ?? join(pkiDir, 'master.key'), masterKeyFile === null);
  const older = olderMasterKeyFiles.map((file) => FileMasterKey.open(file, false));
  const command = masterKeyCommand && new KeyCommand(masterKeyCommand.program, masterKeyCommand.timeoutMs);
  const current = command && masterKeyCommand?.keyId ? new CommandMasterKey(command, masterKeyCommand.keyId) : root;
  return new MasterKeys({ current, older, command, root });
}
