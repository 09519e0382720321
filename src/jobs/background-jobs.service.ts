// The background jobs that there are. Each module adds its own while the process starts; the runner (job-runner.service.ts)
// has them done, on whichever process has the role `worker`.
import { Global, Injectable, Module } from '@nestjs/common';

export interface BackgroundJob {
  readonly name: string;
  /** How often it is done. The queue may do it twice, or in two processes at once. */
  readonly everyMs: number;
  readonly run: () => Promise<unknown>;
}

@Injectable()
export class BackgroundJobs {
  private readonly jobs = new Map<string, BackgroundJob>();

  /** Call it in `onModuleInit`. */
  add(job: BackgroundJob): void {
    if (this.jobs.has(job.name)) throw new Error(`There are two background jobs named ${job.name}.`);
    this.jobs.set(job.name, job);
  }

  all(): BackgroundJob[] {
    return [...this.jobs.values()];
  }

  /** Of a version before or after this one, a queue may hold jobs that nobody here knows: they are left to others. */
  find(name: string): BackgroundJob | undefined {
    return this.jobs.get(name);
  }
}

@Global()
@Module({ providers: [BackgroundJobs], exports: [BackgroundJobs] })
export class BackgroundJobsModule {}
