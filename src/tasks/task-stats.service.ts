// What a running task uses, asked of the host that has it: live, once, or the last hour.
import {
  type HostId,
  isTerminal,
  type OpenStream,
  type StatsHistory,
  statsHistorySchema,
  type TaskStats,
  type TenantId,
  taskStatsSchema,
} from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import type { z } from 'zod';
import { HostLinks } from '../agents/host-links.service.js';
import { ApiError } from '../errors.js';
import type { ServerEvent } from '../http/event-stream.js';
import type { TaskRow } from './task-view.js';
import { TaskWatch } from './task-watch.service.js';
import { TasksService } from './tasks.service.js';

type Mode = Extract<OpenStream['request'], { kind: 'stats' }>['mode'];

@Injectable()
export class TaskStatistics {
  constructor(
    @Inject(TasksService) private readonly tasks: TasksService,
    @Inject(TaskWatch) private readonly watch: TaskWatch,
    @Inject(HostLinks) private readonly hosts: HostLinks,
  ) {}

  /** One sample, after a second: rates need two looks. @throws ApiError not_found, task_not_running, host_unreachable */
  async once(tenantId: TenantId, id: string, signal: AbortSignal): Promise<TaskStats> {
    return this.first(await this.running(tenantId, id), 'once', taskStatsSchema, signal);
  }

  /** @throws as `once` */
  async history(tenantId: TenantId, id: string, signal: AbortSignal): Promise<StatsHistory> {
    return this.first(await this.running(tenantId, id), 'history', statsHistorySchema, signal);
  }

  /**
   * A sample a second from the task's start on, then `end` with how it ended. A break is an `error` event.
   * @throws ApiError not_found, before the first event
   */
  async follow(tenantId: TenantId, id: string, signal: AbortSignal): Promise<AsyncIterable<readonly ServerEvent[]>> {
    await this.tasks.row(tenantId, id);
    return this.events(tenantId, id, signal);
  }

  private async *events(tenantId: TenantId, id: string, signal: AbortSignal): AsyncGenerator<readonly ServerEvent[]> {
    try {
      const started = await this.watch.waitFor(tenantId, id, isMeasured, signal);
      if (started && isMeasured(started)) {
        for await (const stats of await this.open(started, 'live', taskStatsSchema, signal)) yield [{ data: stats }];
      }
      const ended = await this.watch.waitFor(tenantId, id, () => false, signal);
      if (ended) yield [{ event: 'end', data: { state: ended.state, stopCode: ended.stop_code, stopReason: ended.stop_reason } }];
    } catch (error) {
      if (signal.aborted) return;
      const { code, message } = error instanceof ApiError ? error : new ApiError('host_unreachable');
      yield [{ event: 'error', data: { code, message } }];
    }
  }

  private async running(tenantId: TenantId, id: string): Promise<TaskRow> {
    const row = await this.tasks.row(tenantId, id);
    if (!isMeasured(row)) throw new ApiError('task_not_running', { state: row.state, what: 'there is nothing to measure' });
    return row;
  }

  private async first<T>(row: TaskRow, mode: Mode, schema: z.ZodType<T>, signal: AbortSignal): Promise<T> {
    for await (const frame of await this.open(row, mode, schema, signal)) return frame;
    throw new ApiError('task_not_running', { state: 'about to end', what: 'there is nothing to measure' });
  }

  private open<T>(row: TaskRow, mode: Mode, schema: z.ZodType<T>, signal: AbortSignal): Promise<AsyncIterable<T>> {
    return this.hosts.openFrames(row.host_id as HostId, { kind: 'stats', taskId: row.id, mode }, schema, signal);
  }
}

function isMeasured(row: TaskRow): boolean {
  return row.host_id !== null && !isTerminal(row.state) && (row.state === 'running' || row.state === 'stopping');
}
