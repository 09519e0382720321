// Figures for Prometheus. Other modules register theirs with prom-client's default registry, and they show here too.

import { taskStates } from '@berth/contract';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { collectDefaultMetrics, Gauge, Histogram, register } from 'prom-client';
import type { DataSource } from 'typeorm';

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
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  /** The figures of this process, and the counts of the whole platform. Without the database, the counts are left out. */
  async text(): Promise<string> {
    await this.countTasks().catch(() => tasks.reset());
    return register.metrics();
  }

  /** Two parts, because each has its partial index; stopped tasks are too many to count. */
  private async countTasks(): Promise<void> {
    const rows = (await this.database.query(`
      SELECT 'pending' AS state, count(*)::int AS count FROM tasks WHERE state = 'pending'
      UNION ALL
      SELECT state, count(*)::int FROM tasks WHERE state IN ('placed', 'starting', 'running', 'stopping') GROUP BY state
    `)) as { state: string; count: number }[];
    for (const state of taskStates) {
      if (state !== 'stopped') tasks.set({ state }, rows.find((row) => row.state === state)?.count ?? 0);
    }
  }
}
