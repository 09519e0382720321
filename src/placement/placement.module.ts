// Decides which host runs what, and which hosts still count. Agents are told by agents/.
import { Module } from '@nestjs/common';
import { AgentsModule } from '../agents/agents.module.js';
import { CapacityGroupsController } from './capacity-groups.controller.js';
import { CapacityGroups } from './capacity-groups.service.js';
import { CapacityGroupsStore } from './capacity-groups.store.js';
import { DisruptionGate } from './disruption-gate.service.js';
import { HostLiveness } from './host-liveness.reconciler.js';
import { Leadership } from './leadership.service.js';
import { LiveEngine } from './live-engine.service.js';
import { Placements } from './placements.service.js';
import { Scheduler } from './scheduler.service.js';

@Module({
  imports: [AgentsModule],
  controllers: [CapacityGroupsController],
  providers: [CapacityGroups, CapacityGroupsStore, DisruptionGate, Leadership, LiveEngine, Placements, Scheduler, HostLiveness],
  exports: [LiveEngine, Leadership, DisruptionGate],
})
export class PlacementModule {}
