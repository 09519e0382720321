import { type LogQuery, logLinesSchema, logQuerySchema, type TenantId, taskSchema } from '@berth/contract';
import { Controller, Get, Headers, Inject, Param, Query, Res } from '@nestjs/common';
import { ApiHeader, ApiOkResponse, ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { type Caller, CurrentCaller, CurrentTenant, RequireRole } from '../accounts/caller.js';
import { type ServerEvent, sendEvents } from '../http/event-stream.js';
import { OpenStreams } from '../http/open-streams.service.js';
import { parseLogCursor } from './log-cursor.js';
import { TaskLogs } from './task-logs.service.js';
import { toApiTask } from './task-view.js';
import { TaskWatch } from './task-watch.service.js';
import { TasksService } from './tasks.service.js';

@ApiTags('tasks')
@Controller('v1/tasks/:taskId')
export class TaskStreamsController {
  constructor(
    @Inject(TasksService) private readonly tasks: TasksService,
    @Inject(TaskLogs) private readonly logs: TaskLogs,
    @Inject(TaskWatch) private readonly taskWatch: TaskWatch,
    @Inject(OpenStreams) private readonly streams: OpenStreams,
  ) {}

  @Get('logs')
  @RequireRole('viewer')
  @ApiOperation({
    summary: 'Read a task’s output',
    description:
      'A list, or with `follow=true` (or `Accept: text/event-stream`) server-sent events: one LogLine each, then `event: end` with how the task ended. ' +
      'A break is `event: error`; connect again with `Last-Event-ID` (or `cursor`) to go on exactly after the last line. ' +
      'Logs of ended tasks are kept in the log store for a time that the operator sets, also when their host is gone.',
  })
  @ApiHeader({ name: 'Last-Event-ID', required: false, description: 'Only lines after the event of this id.', schema: { type: 'string' } })
  @ApiOkResponse({ standardSchema: logLinesSchema, description: 'The newest lines, oldest of them first.' })
  async getTaskLogs(
    @CurrentTenant() tenant: TenantId,
    @CurrentCaller() caller: Caller,
    @Param('taskId') id: string,
    @Query({ schema: logQuerySchema }) query: LogQuery,
    @Headers('accept') accept: string | undefined,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { signal, done } = this.streams.add(caller.keyId, reply);
    try {
      if (!query.follow && !accept?.includes('text/event-stream')) {
        await reply.send(await this.logs.list(tenant, id, query, signal));
        return;
      }
      // What a browser sends by itself when it connects again; one that is no cursor is somebody else's.
      const cursor = lastEventId !== undefined && parseLogCursor(lastEventId) ? lastEventId : query.cursor;
      await sendEvents(reply, await this.logs.follow(tenant, id, { ...query, cursor }, signal), signal);
    } finally {
      done();
    }
  }

  @Get('watch')
  @RequireRole('viewer')
  @ApiOperation({
    summary: 'Watch a task change',
    description: 'Server-sent events: the Task now, and whenever it has changed. Ends when it has stopped.',
  })
  @ApiProduces('text/event-stream')
  @ApiOkResponse({ standardSchema: taskSchema, description: 'The data of each event.' })
  async watchTask(
    @CurrentTenant() tenant: TenantId,
    @CurrentCaller() caller: Caller,
    @Param('taskId') id: string,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.tasks.row(tenant, id);
    const { signal, done } = this.streams.add(caller.keyId, reply);
    try {
      await sendEvents(reply, this.changedTasks(tenant, id, signal), signal);
    } finally {
      done();
    }
  }

  private async *changedTasks(tenant: TenantId, id: string, signal: AbortSignal): AsyncGenerator<ServerEvent[]> {
    let last = '';
    for await (const row of this.taskWatch.changes(tenant, id, signal)) {
      const task = toApiTask(row);
      const text = JSON.stringify(task);
      if (text !== last) yield [{ data: task }];
      last = text;
    }
  }
}
