// The control plane's composition root.
import { type DynamicModule, Module } from '@nestjs/common';
import { AccountsModule } from './accounts/accounts.module.js';
import { AgentsModule } from './agents/agents.module.js';
import { AgreementsModule } from './billing/agreements/agreements.module.js';
import { BillingModule } from './billing/billing.module.js';
import { BudgetsModule } from './billing/budgets/budgets.module.js';
import { InvoicesModule } from './billing/invoices/invoices.module.js';
import type { Config } from './config.js';
import { DbModule } from './db/db.module.js';
import { DrainModule } from './drain/drain.module.js';
import { FleetModule } from './fleet/fleet.module.js';
import { HttpModule } from './http/http.module.js';
import { JobsModule } from './jobs/jobs.module.js';
import { NetworkModule } from './network/network.module.js';
import { PlacementModule } from './placement/placement.module.js';
import { SecretsModule } from './secrets/secrets.module.js';
import { TasksModule } from './tasks/tasks.module.js';
import { VolumesModule } from './volumes/volumes.module.js';

@Module({})
export class AppModule {
  static forRoot(config: Config): DynamicModule {
    return {
      module: AppModule,
      imports: [
        DbModule.forRoot(config),
        AccountsModule,
        SecretsModule,
        VolumesModule,
        TasksModule,
        PlacementModule,
        AgentsModule,
        DrainModule,
        NetworkModule,
        FleetModule,
        BillingModule,
        AgreementsModule,
        BudgetsModule,
        InvoicesModule,
        JobsModule,
        HttpModule,
      ],
    };
  }
}
