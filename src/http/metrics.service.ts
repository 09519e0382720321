// Figures for Prometheus. Other modules register theirs with prom-client's default registry, and they show here too.
import { taskStates } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { collectDefaultMetrics, Gauge, Histogram, register } from 'prom-client';
import { TaskCountsStore } from './task-counts.store.js';

// Once a process: the registry is the process's, however many applications a test starts in it.
collectDefaultMetrics();
const requestSeconds = new Histogram({
  name: 'berth_http_request_seconds',
  help: 'Time to answer, by route. Event streams count until they end.',
  labelNames: ['method', 'route', 'status'],
  buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
});
const tasks = new Gauge({ name: 'berth_tasks', help: 'Tasks that have not stopped, by state.', labelNames: ['state'] });

/** fastify hook `onResponse`. */
export async function observeRequest(request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const route = request.is404 ? 'none' : (request.routeOptions.url ?? 'none');
  requestSeconds.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1000);
}

@Injectable()
export class MetricsService {
  constructor(@Inject(TaskCountsStore) private readonly counts: TaskCountsStore) {}

  /** The figures of this process, and the counts of the whole platform. Without the database, the counts are left out. */
  async text(): Promise<string> {
    await this.countTasks().catch(() => tasks.reset());
    return register.metrics();
  }

  private async countTasks(): Promise<void> {
    const rows = await this.counts.live();
    for (const state of taskStates) {
      if (state !== 'stopped') tasks.set({ state }, rows.find((row) => row.state === state)?.count ?? 0);
    }
  }
}
