// A task's output, asked of the host that has it: as a list, or followed line by line.
import { type HostId, type LogLine, type LogQuery, limits, type TaskId, type TenantId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { HostLinks } from '../agents/host-links.service.js';
import { ApiError } from '../errors.js';
import type { ServerEvent } from '../http/event-stream.js';
import { newestWithin } from './newest-lines.js';
import { requireContainer } from './task-container.js';
import type { TaskRow } from './task-view.js';
import { TaskWatch } from './task-watch.service.js';
import { TasksService } from './tasks.service.js';

@Injectable()
export class TaskLogs {
  constructor(
    @Inject(TasksService) private readonly tasks: TasksService,
    @Inject(TaskWatch) private readonly watch: TaskWatch,
    @Inject(HostLinks) private readonly hosts: HostLinks,
  ) {}

  /**
   * The newest lines there are. A task that was never on a host has none.
   * @throws ApiError not_found, host_unreachable, invalid_request for a container the task does not have
   */
  async list(tenantId: TenantId, id: string, query: LogQuery, signal: AbortSignal): Promise<{ items: LogLine[]; truncated: boolean }> {
    const row = await this.tasks.row(tenantId, id);
    if (query.container !== undefined) requireContainer(row, query.container);
    if (!row.host_id) return { items: [], truncated: false };
    return newestWithin(await this.open(row, query, false, signal), query.tail ?? limits.logLines.default, limits.logBytes);
  }

  /**
   * Lines as they come, beginning when the task has started, and `end` with how it ended.
   * @param after drop lines up to this time
   * @throws ApiError not_found, invalid_request, before the first event; later ones become an `error` event.
   */
  async follow(
    tenantId: TenantId,
    id: string,
    query: LogQuery,
    after: string | null,
    signal: AbortSignal,
  ): Promise<AsyncIterable<readonly ServerEvent[]>> {
    const row = await this.tasks.row(tenantId, id);
    if (query.container !== undefined) requireContainer(row, query.container);
    return this.events(tenantId, id, query, after, signal);
  }

  private async *events(
    tenantId: TenantId,
    id: string,
    query: LogQuery,
    after: string | null,
    signal: AbortSignal,
  ): AsyncGenerator<readonly ServerEvent[]> {
    try {
      const started = await this.watch.waitFor(tenantId, id, hasOutput, signal);
      if (started?.host_id) {
        for await (const lines of await this.open(started, query, true, signal)) {
          const fresh = after === null ? lines : lines.filter((line) => line.at > after);
          if (fresh.length > 0) yield fresh.map((line) => ({ id: line.at, data: line }));
        }
      }
      const ended = await this.watch.waitFor(tenantId, id, () => false, signal);
      if (ended) yield [{ event: 'end', data: { state: ended.state, stopCode: ended.stop_code, stopReason: ended.stop_reason } }];
    } catch (error) {
      if (signal.aborted) return;
      const { code, message } = error instanceof ApiError ? error : new ApiError('host_unreachable');
      yield [{ event: 'error', data: { code, message } }];
    }
  }

  private open(row: TaskRow, query: LogQuery, follow: boolean, signal: AbortSignal): Promise<AsyncIterable<LogLine[]>> {
    const { container = null, since = null, tail } = query;
    const amount =
      follow && tail === undefined ? { tail: limits.logLines.max, fromStart: true } : { tail: tail ?? limits.logLines.default };
    return this.hosts.openLogs(row.host_id as HostId, { taskId: row.id as TaskId, container, since, follow, ...amount }, signal);
  }
}

function hasOutput(row: TaskRow): boolean {
  return row.host_id !== null && (row.state === 'running' || row.state === 'stopping');
}
