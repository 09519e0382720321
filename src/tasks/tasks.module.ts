// Task definitions and tasks, as tenants make, read, watch and stop them. Which host runs a task is placement's.
import { Module } from '@nestjs/common';
import { AccountsModule } from '../accounts/accounts.module.js';
import { AgentsModule } from '../agents/agents.module.js';
import { BillingModule } from '../billing/billing.module.js';
import { HttpModule } from '../http/http.module.js';
import { LogsModule } from '../logs/logs.module.js';
import { PlacementModule } from '../placement/placement.module.js';
import { SecretsModule } from '../secrets/secrets.module.js';
import { VolumesModule } from '../volumes/volumes.module.js';
import { ExecSessions } from './exec-sessions.service.js';
import { ExecSessionsStore } from './exec-sessions.store.js';
import { ImageCatalog } from './image-catalog.service.js';
import { ImageResolver } from './image-resolver.service.js';
import { ImagesController } from './images.controller.js';
import { InsideController } from './inside.controller.js';
import { TaskInside } from './inside.service.js';
import { InsideEventsStore } from './inside-events.store.js';
import { InsideSockets } from './inside-sockets.service.js';
import { PlacementsController } from './placements.controller.js';
import { QuotesController } from './quotes.controller.js';
import { Registry } from './registry.service.js';
import { RunTasksService } from './run-tasks.service.js';
import { RunTasksStore } from './run-tasks.store.js';
import { SimulateTasks } from './simulate-tasks.service.js';
import { TaskAdjustmentsController } from './task-adjustments.controller.js';
import { TaskAdjustments } from './task-adjustments.service.js';
import { TaskAdjustmentsStore } from './task-adjustments.store.js';
import { TaskDefinitionsController } from './task-definitions.controller.js';
import { TaskDefinitionsService } from './task-definitions.service.js';
import { TaskDefinitionsStore } from './task-definitions.store.js';
import { TaskLogs } from './task-logs.service.js';
import { TaskProtectionController } from './task-protection.controller.js';
import { TaskProtection } from './task-protection.service.js';
import { TaskProtectionStore } from './task-protection.store.js';
import { TaskStatsController } from './task-stats.controller.js';
import { TaskStatistics } from './task-stats.service.js';
import { TaskStorage } from './task-storage.service.js';
import { TaskStreamsController } from './task-streams.controller.js';
import { TaskWatch } from './task-watch.service.js';
import { TasksController } from './tasks.controller.js';
import { TasksService } from './tasks.service.js';
import { TasksStore } from './tasks.store.js';

@Module({
  imports: [AccountsModule, AgentsModule, BillingModule, HttpModule, PlacementModule, SecretsModule, VolumesModule, LogsModule],
  controllers: [
    TasksController,
    QuotesController,
    InsideController,
    TaskAdjustmentsController,
    TaskProtectionController,
    TaskStatsController,
    TaskStreamsController,
    TaskDefinitionsController,
    PlacementsController,
    ImagesController,
  ],
  providers: [
    ExecSessions,
    ExecSessionsStore,
    TaskInside,
    InsideEventsStore,
    InsideSockets,
    ImageCatalog,
    ImageResolver,
    Registry,
    RunTasksService,
    RunTasksStore,
    SimulateTasks,
    TaskAdjustments,
    TaskAdjustmentsStore,
    TaskDefinitionsService,
    TaskDefinitionsStore,
    TaskLogs,
    TaskProtection,
    TaskProtectionStore,
    TaskStatistics,
    TaskStorage,
    TaskWatch,
    TasksService,
    TasksStore,
  ],
})
export class TasksModule {}
