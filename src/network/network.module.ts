// The network between tasks, as the control plane has it: security groups, the hosts' subnets, and what hosts are told of
// both. What becomes of it on a host is the agent's.
import { Module } from '@nestjs/common';
import { AgentsModule } from '../agents/agents.module.js';
import { NetworkSync } from './network-sync.service.js';
import { SecurityGroupsController } from './security-groups.controller.js';
import { SecurityGroups } from './security-groups.service.js';
import { SecurityGroupsStore } from './security-groups.store.js';

@Module({
  imports: [AgentsModule],
  controllers: [SecurityGroupsController],
  providers: [NetworkSync, SecurityGroups, SecurityGroupsStore],
})
export class NetworkModule {}
