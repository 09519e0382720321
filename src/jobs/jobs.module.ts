// Background work that nobody waits for.
import { Module } from '@nestjs/common';
import { LogsModule } from '../logs/logs.module.js';
import { BackgroundJobsModule } from './background-jobs.service.js';
import { JobRunner } from './job-runner.service.js';
import { Maintenance } from './maintenance.service.js';
import { MaintenanceStore } from './maintenance.store.js';

@Module({ imports: [BackgroundJobsModule, LogsModule], providers: [JobRunner, Maintenance, MaintenanceStore] })
export class JobsModule {}
