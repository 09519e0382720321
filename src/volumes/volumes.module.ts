// Named persistent volumes, as tenants have them. On which host one lives is placement's to choose; the file system there
// is the agent's.
import { Module } from '@nestjs/common';
import { AccountsModule } from '../accounts/accounts.module.js';
import { AgentsModule } from '../agents/agents.module.js';
import { VolumeRemoval } from './volume-removal.service.js';
import { VolumeUses } from './volume-uses.service.js';
import { VolumesController } from './volumes.controller.js';
import { VolumesService } from './volumes.service.js';
import { VolumesStore } from './volumes.store.js';

@Module({
  imports: [AccountsModule, AgentsModule],
  controllers: [VolumesController],
  providers: [VolumeRemoval, VolumeUses, VolumesService, VolumesStore],
  exports: [VolumeUses],
})
export class VolumesModule {}
