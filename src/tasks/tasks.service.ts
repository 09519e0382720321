// Tasks as their tenant reads and stops them.
import { isId, type PageQuery, type Task, type TaskEvent, type TaskId, type TaskListQuery, type TenantId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { SignalBus } from '../db/signals.js';
import { notFound } from '../errors.js';
import { badCursor, decodeCursor, type Page, pageOf } from '../http/cursor.js';
import { type TaskRow, toApiEvent, toApiTask } from './task-view.js';
import { type TaskPlace, TasksStore } from './tasks.store.js';

@Injectable()
export class TasksService {
  constructor(
    @Inject(TasksStore) private readonly store: TasksStore,
    @Inject(SignalBus) private readonly signals: SignalBus,
  ) {}

  /** @throws ApiError not_found, also for another tenant's task and for what is no id */
  async row(tenantId: TenantId, id: string): Promise<TaskRow> {
    const row = isId(id) ? await this.store.find(tenantId, id as TaskId) : null;
    if (!row) throw notFound('task', id);
    return row;
  }

  /** @throws as `row` */
  async get(tenantId: TenantId, id: string): Promise<Task> {
    return toApiTask(await this.row(tenantId, id));
  }

  async list(tenantId: TenantId, query: TaskListQuery): Promise<Page<Task>> {
    const order = `tasks ${query.sort}`;
    const after = query.cursor === undefined ? null : placeOf(query.cursor, order);
    const rows = await this.store.list(tenantId, query, after, query.limit + 1);
    const page = pageOf(rows, query.limit, order, (row) => [row.micros, row.id]);
    return { ...page, items: page.items.map(toApiTask) };
  }

  /** Oldest first. @throws as `row` */
  async events(tenantId: TenantId, id: string, { limit, cursor }: PageQuery): Promise<Page<TaskEvent>> {
    const task = await this.row(tenantId, id);
    const after = cursor === undefined ? null : (decodeCursor(cursor, 'events', 1)[0] ?? '');
    if (after !== null && !/^\d{1,18}$/.test(after)) throw badCursor();
    const page = pageOf(await this.store.listEvents(tenantId, task.id, after, limit + 1), limit, 'events', (row) => [row.id]);
    return { ...page, items: page.items.map(toApiEvent) };
  }

  /** Asks the task to stop; asking again changes nothing. @returns the task as it is then. @throws as `row` */
  async stop(tenantId: TenantId, id: string, reason: string | undefined): Promise<Task> {
    const task = await this.row(tenantId, id);
    const { changed, hostId } = await this.store.stop(tenantId, task.id, reason ?? 'Stopped by request.');
    if (!changed) return toApiTask(task);
    if (hostId) this.signals.send('desired', [hostId]);
    this.signals.send('tasks', [task.id]);
    return this.get(tenantId, id);
  }
}

function placeOf(cursor: string, order: string): TaskPlace {
  const [micros = '', id = ''] = decodeCursor(cursor, order, 2);
  if (!/^\d{1,18}$/.test(micros) || !isId(id)) throw badCursor();
  return { micros, id };
}
