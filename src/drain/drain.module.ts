// How tasks leave hosts: drains, evictions within disruption budgets, defragmentation. Where they go is placement's.
import { Module } from '@nestjs/common';
import { AgentsModule } from '../agents/agents.module.js';
import { PlacementModule } from '../placement/placement.module.js';
import { DrainsController } from './drains.controller.js';
import { DrainsService } from './drains.service.js';
import { EvictionReconciler } from './evictions.reconciler.js';

@Module({
  imports: [AgentsModule, PlacementModule],
  controllers: [DrainsController],
  providers: [DrainsService, EvictionReconciler],
  exports: [DrainsService],
})
export class DrainModule {}
