import { type StatsQuery, statsHistorySchema, statsQuerySchema, type TenantId, taskStatsSchema } from '@berth/contract';
import { Controller, Get, Headers, Inject, Param, Query, Res } from '@nestjs/common';
import { ApiConflictResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { type Caller, CurrentCaller, CurrentTenant, RequireRole } from '../accounts/caller.js';
import { sendEvents } from '../http/event-stream.js';
import { OpenStreams } from '../http/open-streams.service.js';
import { TaskStatistics } from './task-stats.service.js';

@ApiTags('tasks')
@Controller('v1/tasks/:taskId/stats')
export class TaskStatsController {
  constructor(
    @Inject(TaskStatistics) private readonly stats: TaskStatistics,
    @Inject(OpenStreams) private readonly streams: OpenStreams,
  ) {}

  @Get()
  @RequireRole('viewer')
  @ApiOperation({
    summary: 'Show what a task uses',
    description:
      'One sample, or with `stream=true` (or `Accept: text/event-stream`) server-sent events: one sample a second, then ' +
      '`event: end` with how the task ended. A break is `event: error`.',
  })
  @ApiOkResponse({ standardSchema: taskStatsSchema, description: 'One sample, or the data of each event.' })
  @ApiConflictResponse({ description: 'It is not running.' })
  async getTaskStats(
    @CurrentTenant() tenant: TenantId,
    @CurrentCaller() caller: Caller,
    @Param('taskId') id: string,
    @Query({ schema: statsQuerySchema }) query: StatsQuery,
    @Headers('accept') accept: string | undefined,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { signal, done } = this.streams.add(caller.keyId, reply);
    try {
      if (query.stream || accept?.includes('text/event-stream'))
        await sendEvents(reply, await this.stats.follow(tenant, id, signal), signal);
      else await reply.send(await this.stats.once(tenant, id, signal));
    } finally {
      done();
    }
  }

  @Get('history')
  @RequireRole('viewer')
  @ApiOperation({
    summary: 'Show what a task used in the last hour',
    description: 'A sample every ten seconds, for charts. Only while it runs; the host begins anew when its agent is restarted.',
  })
  @ApiOkResponse({ standardSchema: statsHistorySchema, description: 'The samples, oldest first.' })
  @ApiConflictResponse({ description: 'It is not running.' })
  async getTaskStatsHistory(
    @CurrentTenant() tenant: TenantId,
    @CurrentCaller() caller: Caller,
    @Param('taskId') id: string,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { signal, done } = this.streams.add(caller.keyId, reply);
    try {
      await reply.send(await this.stats.history(tenant, id, signal));
    } finally {
      done();
    }
  }
}
