// Where background jobs wait: PostgreSQL by default, Redis where REDIS_URL names one. Jobs carry ids and orders, never
// the only copy of anything: a queue may be lost, and whoever fills it fills it again.
import { setTimeout as sleep } from 'node:timers/promises';
import { createPostgresBackend, type Processor, Queue, Worker, withBackend } from 'bullmq';
import pg from 'pg';
import type { Config } from '../config.js';

/** What Berth uses of bullmq's classes, the same on both backends. */
export interface JobQueue {
  upsertJobScheduler(id: string, repeat: { every: number }, template: { name: string; opts?: object }): Promise<unknown>;
  add(name: string, data: object, options?: object): Promise<unknown>;
  close(): Promise<void>;
  disconnect(): Promise<unknown>;
  waitUntilReady(): Promise<unknown>;
  on(event: 'error', listen: (error: Error) => void): unknown;
}

export interface JobWorker {
  /** Takes jobs until it is closed. */
  run(): Promise<void>;
  waitUntilReady(): Promise<unknown>;
  close(): Promise<void>;
  disconnect(): Promise<unknown>;
  on(event: 'error', listen: (error: Error) => void): unknown;
  on(event: 'failed', listen: (job: { name: string } | undefined, error: Error) => void): unknown;
}

/** Jobs that a process does at a time: a long one, such as closing months, holds up no other. */
const jobsAtOnce = 3;
/** Each queue and each worker has connections of its own, so few are enough. */
const connectionsEach = 2;
const closeWithinMs = 3_000;
const postgres = withBackend(createPostgresBackend);

export function openQueue(config: Config, name: string): JobQueue {
  if (config.redisUrl !== null) return new Queue(name, { connection: redisOptions(config.redisUrl), prefix: 'berth' });
  return new postgres.Queue(name, { connection: postgresOptions(config) });
}

/** Takes no jobs before `run`. Call that only once it is ready: a worker whose first connection fails spins for ever. */
export function openWorker(config: Config, name: string, work: Processor): JobWorker {
  if (config.redisUrl !== null)
    return new Worker(name, work, { connection: redisOptions(config.redisUrl), prefix: 'berth', autorun: false, concurrency: jobsAtOnce });
  return new postgres.Worker(name, work, { connection: postgresOptions(config), autorun: false, concurrency: jobsAtOnce });
}

/** Waits for a job that runs, but not for a server that is away: bullmq would, for ever. */
export async function closeSoon(part: JobQueue | JobWorker): Promise<void> {
  const late = sleep(closeWithinMs, 'late', { ref: false });
  const outcome = await Promise.race([part.close().catch(() => 'failed'), late]);
  if (outcome === 'late') void part.disconnect().catch(() => {});
}

/** Null: commands wait for Redis to come back, as bullmq's workers demand. */
function redisOptions(url: string) {
  return { url, maxRetriesPerRequest: null };
}

function postgresOptions(config: Config) {
  return { connectionString: config.databaseUrl, max: connectionsEach, migrate: true, application_name: 'berth-jobs', Client: LentClient };
}

/**
 * bullmq borrows connections without listening for their errors, and an error that nobody hears ends the process. Their
 * queries fail besides, so nothing goes unnoticed.
 */
class LentClient extends pg.Client {
  constructor(config?: pg.ClientConfig) {
    super(config);
    this.on('error', () => {});
  }
}
