// Task definitions and tasks, as tenants make, read, watch and stop them. Which host runs a task is placement's.
import { Module } from '@nestjs/common';
import { AgentsModule } from '../agents/agents.module.js';
import { BillingModule } from '../billing/billing.module.js';
import { HttpModule } from '../http/http.module.js';
import { ImageCatalog } from './image-catalog.service.js';
import { ImageResolver } from './image-resolver.service.js';
import { ImagesController } from './images.controller.js';
import { Registry } from './registry.service.js';
import { RunTasksService } from './run-tasks.service.js';
import { RunTasksStore } from './run-tasks.store.js';
import { TaskDefinitionsController } from './task-definitions.controller.js';
import { TaskDefinitionsService } from './task-definitions.service.js';
import { TaskDefinitionsStore } from './task-definitions.store.js';
import { TaskLogs } from './task-logs.service.js';
import { TaskStreamsController } from './task-streams.controller.js';
import { TaskWatch } from './task-watch.service.js';
import { TasksController } from './tasks.controller.js';
import { TasksService } from './tasks.service.js';
import { TasksStore } from './tasks.store.js';

@Module({
  imports: [AgentsModule, BillingModule, HttpModule],
  controllers: [TasksController, TaskStreamsController, TaskDefinitionsController, ImagesController],
  providers: [
    ImageCatalog,
    ImageResolver,
    Registry,
    RunTasksService,
    RunTasksStore,
    TaskDefinitionsService,
    TaskDefinitionsStore,
    TaskLogs,
    TaskWatch,
    TasksService,
    TasksStore,
  ],
})
export class TasksModule {}
