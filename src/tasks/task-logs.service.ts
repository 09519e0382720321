// A task's output, as a list or followed line by line: from the log store once the task has ended and its log is there,
// else from the host that has it.
import { type HostId, isTerminal, type LogQuery, type LogStreamFrame, limits, type TenantId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { HostLinks } from '../agents/host-links.service.js';
import type { Config } from '../config.js';
import { CONFIG } from '../db/db.module.js';
import { ApiError } from '../errors.js';
import type { ServerEvent } from '../http/event-stream.js';
import { StoredLogReader } from '../logs/stored-log-reader.service.js';
import { LogCursor, type LogPlaces, parseLogCursor } from './log-cursor.js';
import { type LogPart, newestWithin, nextWithin, withoutPlace } from './newest-lines.js';
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
    @Inject(StoredLogReader) private readonly stored: StoredLogReader,
    @Inject(CONFIG) private readonly config: Pick<Config, 'logs'>,
  ) {}

  /**
   * The newest lines there are, or those after a cursor. A task that was never on a host has none.
   * @throws ApiError not_found, host_unreachable, log_expired, invalid_request for a container the task does not have or a
   * bad cursor
   */
  async list(tenantId: TenantId, id: string, query: LogQuery, signal: AbortSignal): Promise<LogPart> {
    const row = await this.rowFor(tenantId, id, query);
    if (!row.host_id) return { items: [], truncated: false, cursor: null };
    const lines = query.tail ?? limits.logLines.default;
    const places = placesOf(query);
    const batches = await this.open(row, query, { follow: false, tail: lines, from: places }, signal);
    return places ? nextWithin(batches, places, lines, limits.logBytes) : newestWithin(batches, lines, limits.logBytes);
  }

  /**
   * Lines as they come, beginning when the task has started, and `end` with how it ended. The id of each is a cursor.
   * @throws ApiError not_found, invalid_request, before the first event; later ones become an `error` event.
   */
  async follow(tenantId: TenantId, id: string, query: LogQuery, signal: AbortSignal): Promise<AsyncIterable<readonly ServerEvent[]>> {
    await this.rowFor(tenantId, id, query);
    return this.events(tenantId, id, query, signal);
  }

  private async rowFor(tenantId: TenantId, id: string, query: LogQuery): Promise<TaskRow> {
    const row = await this.tasks.row(tenantId, id);
    if (query.container !== undefined) requireContainer(row, query.container);
    placesOf(query);
    return row;
  }

  private async *events(tenantId: TenantId, id: string, query: LogQuery, signal: AbortSignal): AsyncGenerator<readonly ServerEvent[]> {
    try {
      const started = await this.watch.waitFor(tenantId, id, hasOutput, signal);
      if (started?.host_id) yield* this.lineEvents(started, query, signal);
      const isPast = query.until !== undefined && Date.parse(query.until) <= Date.now();
      const last = await this.watch.waitFor(tenantId, id, () => isPast, signal);
      if (last) yield [{ event: 'end', data: { state: last.state, stopCode: last.stop_code, stopReason: last.stop_reason } }];
    } catch (error) {
      if (signal.aborted) return;
      const { code, message } = error instanceof ApiError ? error : new ApiError('host_unreachable');
      yield [{ event: 'error', data: { code, message } }];
    }
  }

  private async *lineEvents(row: TaskRow, query: LogQuery, signal: AbortSignal): AsyncGenerator<readonly ServerEvent[]> {
    const from = placesOf(query);
    const cursor = new LogCursor(from ?? {});
    for await (const frame of await this.open(row, query, { follow: true, tail: query.tail ?? null, from }, signal)) {
      if (frame.from) cursor.start(frame.from);
      const events = frame.lines.map((line) => {
        cursor.note(line);
        return { ...(cursor.text !== null && { id: cursor.text }), data: withoutPlace(line) };
      });
      if (events.length > 0) yield events;
    }
  }

  private async open(row: TaskRow, query: LogQuery, part: Part, signal: AbortSignal): Promise<AsyncIterable<LogStreamFrame>> {
    const log = isTerminal(row.state) ? await this.stored.find(row.id) : null;
    if (log?.removed) throw new ApiError('log_expired', { days: Math.round(this.config.logs.retentionHours / 24) });
    const { container = null, since = null, until = null, grep = null, stream = null } = query;
    const selection = { container, since, until, grep, stream };
    if (log) {
      const batches = this.stored.read(log, { ...selection, from: part.from ?? {} });
      return part.follow && part.tail !== null && part.from === null
        ? newestOf(batches as AsyncIterable<LogStreamFrame>, part.tail)
        : (batches as AsyncIterable<LogStreamFrame>);
    }
    const tail = part.from || part.tail === null ? { tail: limits.logLines.max, fromStart: true } : { tail: part.tail };
    const request = { taskId: row.id, ...selection, follow: part.follow, from: part.from, ...tail };
    return this.hosts.openLogs(row.host_id as HostId, request, signal);
  }
}

interface Part {
  readonly follow: boolean;
  /** Null: all of it. Does not count after a cursor. */
  readonly tail: number | null;
  readonly from: LogPlaces | null;
}

/** @throws ApiError invalid_request */
function placesOf({ cursor }: LogQuery): LogPlaces | null {
  if (cursor === undefined) return null;
  const places = parseLogCursor(cursor);
  if (!places) throw new ApiError('invalid_request', { detail: 'The cursor is none of a log.' }, { field: 'cursor' });
  return places;
}

async function* newestOf(batches: AsyncIterable<LogStreamFrame>, tail: number): AsyncGenerator<LogStreamFrame> {
  let newest: LogStreamFrame['lines'] = [];
  for await (const { lines } of batches) newest = tail === 0 ? [] : [...newest, ...lines].slice(-tail);
  yield { lines: newest };
}

function hasOutput(row: TaskRow): boolean {
  return row.host_id !== null && (row.state === 'running' || row.state === 'stopping');
}
