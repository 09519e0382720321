import {
  type ArchiveQuery,
  archiveQuerySchema,
  type CreateExec,
  createExecSchema,
  execSessionSchema,
  type ForwardQuery,
  forwardQuerySchema,
  pathStatusSchema,
  type TenantId,
} from '@berth/contract';
import { Body, Controller, Get, HttpCode, Inject, Param, Post, Put, Query, Req, Res } from '@nestjs/common';
import {
  ApiBody,
  ApiConsumes,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiProduces,
  ApiResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Caller, CurrentCaller, CurrentTenant, RequireRole } from '../accounts/caller.js';
import { ApiError } from '../errors.js';
import { OpenStreams } from '../http/open-streams.service.js';
import { ExecSessions } from './exec-sessions.service.js';
import { TaskInside } from './inside.service.js';
import { sendTar, tarOf } from './tar-body.service.js';
import { TasksService } from './tasks.service.js';

const socketProtocol =
  'A WebSocket of the subprotocol `berth.channels.v1`: binary messages whose first byte is the channel. To the task: 0 its input, ' +
  '4 JSON with a new terminal size, 255 and a 0 the end of its input. From the task: 1 its output, 2 its errors, 255 and a channel’s ' +
  'byte the end of that, and last 3, JSON with `exitCode` or `error`.';

@ApiTags('tasks')
@Controller('v1/tasks/:taskId')
export class InsideController {
  constructor(
    @Inject(TasksService) private readonly tasks: TasksService,
    @Inject(ExecSessions) private readonly sessions: ExecSessions,
    @Inject(TaskInside) private readonly inside: TaskInside,
    @Inject(OpenStreams) private readonly streams: OpenStreams,
  ) {}

  @Post('exec')
  @RequireRole('developer')
  @ApiOperation({
    summary: 'Run a program in a running container',
    description:
      'Gives a session, whose WebSocket is to be opened within seconds: the program runs from then on, confined as the container is.',
  })
  @ApiCreatedResponse({ standardSchema: execSessionSchema, description: 'The session.' })
  @ApiResponse({ status: 409, description: 'The container does not run.' })
  createExec(
    @CurrentTenant() tenant: TenantId,
    @CurrentCaller() caller: Caller,
    @Param('taskId') id: string,
    @Body({ schema: createExecSchema }) body: CreateExec,
  ) {
    return this.sessions.create(tenant, caller, id, body);
  }

  @Get('exec/:sessionId')
  @RequireRole('developer')
  @ApiOperation({ summary: 'The WebSocket of an exec session', description: `${socketProtocol} Who goes away ends what runs.` })
  @ApiResponse({ status: 101, description: 'The session.' })
  @ApiResponse({ status: 426, description: 'It was not opened as a WebSocket.' })
  async openExec(@CurrentTenant() tenant: TenantId, @Param('taskId') id: string, @Param('sessionId') _session: string): Promise<never> {
    throw new ApiError('websocket_only', { path: `/v1/tasks/${(await this.tasks.row(tenant, id)).id}/exec/…` });
  }

  @Get('forward')
  @RequireRole('developer')
  @ApiOperation({
    summary: 'The WebSocket of one connection to a port of a task',
    description: `${socketProtocol} Reaches what listens on the task’s loopback, too.`,
  })
  @ApiResponse({ status: 101, description: 'The connection.' })
  @ApiResponse({ status: 426, description: 'It was not opened as a WebSocket.' })
  async openForward(
    @CurrentTenant() tenant: TenantId,
    @Param('taskId') id: string,
    @Query({ schema: forwardQuerySchema }) { port }: ForwardQuery,
  ): Promise<never> {
    throw new ApiError('websocket_only', { path: `/v1/tasks/${(await this.tasks.row(tenant, id)).id}/forward?port=${port}` });
  }

  @Get('archive/stat')
  @RequireRole('developer')
  @ApiOperation({ summary: 'See what is at a path of a running container' })
  @ApiOkResponse({ standardSchema: pathStatusSchema, description: 'What is there.' })
  async getPathStatus(
    @CurrentTenant() tenant: TenantId,
    @CurrentCaller() caller: Caller,
    @Param('taskId') id: string,
    @Query({ schema: archiveQuerySchema }) { container, path }: ArchiveQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const { signal, done } = this.streams.add(caller.keyId, reply);
    try {
      return await this.inside.stat(tenant, id, container, path, signal);
    } finally {
      done();
    }
  }

  @Get('archive')
  @RequireRole('developer')
  @ApiOperation({
    summary: 'Copy files out of a running container',
    description:
      'A tar of what is at the path, as the container sees it; its names begin with the path’s last part. A copy that fails half-way is cut off.',
  })
  @ApiProduces('application/x-tar')
  @ApiOkResponse({ schema: { type: 'string', format: 'binary' }, description: 'The tar.' })
  async getArchive(
    @CurrentTenant() tenantId: TenantId,
    @CurrentCaller() { keyId }: Caller,
    @Param('taskId') id: string,
    @Query({ schema: archiveQuerySchema }) { container, path }: ArchiveQuery,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { signal, done } = this.streams.add(keyId, reply);
    try {
      await sendTar(reply, await this.inside.copyOut({ tenantId, keyId }, id, container, path, signal));
    } finally {
      done();
    }
  }

  @Put('archive')
  @HttpCode(204)
  @RequireRole('developer')
  @ApiOperation({
    summary: 'Copy files into a running container',
    description:
      'Unpacks a tar (`application/x-tar`) into the directory at the path, as the container sees it. Owners are the tar’s numbers.',
  })
  @ApiConsumes('application/x-tar')
  @ApiBody({ schema: { type: 'string', format: 'binary' } })
  @ApiNoContentResponse({ description: 'It is all there.' })
  async putArchive(
    @CurrentTenant() tenantId: TenantId,
    @CurrentCaller() { keyId }: Caller,
    @Param('taskId') id: string,
    @Query({ schema: archiveQuerySchema }) { container, path }: ArchiveQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    const { signal, done } = this.streams.add(keyId, reply);
    try {
      await this.inside.copyIn({ tenantId, keyId }, id, container, path, () => tarOf(request), signal);
    } finally {
      // What is left of a tar that was refused half-way: the client can't read the answer before it has sent it.
      request.raw.resume();
      done();
    }
  }
}
