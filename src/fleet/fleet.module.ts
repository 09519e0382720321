// Pools of machines at EC2: what operators want of them, and what makes it so. Hosts and their tasks are agents/ and drain/.
import { Module } from '@nestjs/common';
import { AgentsModule } from '../agents/agents.module.js';
import { Authority } from '../agents/pki.service.js';
import type { Config } from '../config.js';
import { CONFIG } from '../db/db.module.js';
import { PlacementModule } from '../placement/placement.module.js';
import { SecretsModule } from '../secrets/secrets.module.js';
import { EC2, Ec2 } from './ec2.service.js';
import { FleetReconciler } from './fleet.reconciler.js';
import { FleetEyes } from './fleet-eyes.service.js';
import { FleetHands } from './fleet-hands.service.js';
import { Launches } from './launches.service.js';
import { MachineTokens } from './machine-tokens.service.js';
import { PoolsController } from './pools.controller.js';
import { PoolsService } from './pools.service.js';

@Module({
  imports: [AgentsModule, PlacementModule, SecretsModule],
  controllers: [PoolsController],
  providers: [
    {
      provide: EC2,
      inject: [CONFIG, Authority],
      useFactory: ({ ec2 }: Config, { fingerprint }: Authority) => ec2 && new Ec2(ec2, fingerprint),
    },
    MachineTokens,
    Launches,
    FleetEyes,
    FleetHands,
    FleetReconciler,
    PoolsService,
  ],
})
export class FleetModule {}
