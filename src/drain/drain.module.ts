// How tasks leave hosts: drains, evictions within disruption budgets, defragmentation. Where they go is placement's.
import { Module } from '@nestjs/common';
import { AgentsModule } from '../agents/agents.module.js';
import { PlacementModule } from '../placement/placement.module.js';
import { DefragmentationController } from './defragmentation.controller.js';
import { DefragmentationReconciler } from './defragmentation.reconciler.js';
import { DefragmentationService } from './defragmentation.service.js';
import { DrainsController } from './drains.controller.js';
import { DrainsService } from './drains.service.js';
import { EvictionReconciler } from './evictions.reconciler.js';

@Module({
  imports: [AgentsModule, PlacementModule],
  controllers: [DrainsController, DefragmentationController],
  providers: [DrainsService, EvictionReconciler, DefragmentationService, DefragmentationReconciler],
  exports: [DrainsService],
})
export class DrainModule {}
