// What is the same for every route: validation, errors, and the routes about the API itself.
import { Module } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_PIPE } from '@nestjs/core';
import { DocsController } from './docs.controller.js';
import { HealthController } from './health.controller.js';
import { MetricsService } from './metrics.service.js';
import { OpenStreams } from './open-streams.service.js';
import { ProblemFilter } from './problem.filter.js';
import { QueryGuard } from './query.guard.js';
import { TaskCountsStore } from './task-counts.store.js';
import { ValidationPipe } from './validation.pipe.js';

@Module({
  controllers: [HealthController, DocsController],
  providers: [
    MetricsService,
    OpenStreams,
    TaskCountsStore,
    { provide: APP_FILTER, useClass: ProblemFilter },
    { provide: APP_PIPE, useClass: ValidationPipe },
    { provide: APP_GUARD, useClass: QueryGuard },
  ],
  exports: [OpenStreams],
})
export class HttpModule {}
