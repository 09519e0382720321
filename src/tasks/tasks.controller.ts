import {
  type PageQuery,
  pageQuerySchema,
  pageSchema,
  type RunTasks,
  runTasksSchema,
  stopTaskSchema,
  type TaskListQuery,
  type TenantId,
  taskCostSchema,
  taskEventSchema,
  taskListQuerySchema,
  taskSchema,
  tasksSchema,
} from '@berth/contract';
import { Body, Controller, Get, Headers, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import {
  ApiBody,
  ApiConflictResponse,
  ApiCreatedResponse,
  ApiHeader,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import type { z } from 'zod';
import { type Caller, CurrentCaller, CurrentTenant, RequireRole } from '../accounts/caller.js';
import { CostService } from '../billing/cost.service.js';
import { ApiError } from '../errors.js';
import { RunTasksService } from './run-tasks.service.js';
import { TasksService } from './tasks.service.js';

@ApiTags('tasks')
@Controller('v1/tasks')
export class TasksController {
  constructor(
    @Inject(TasksService) private readonly tasks: TasksService,
    @Inject(RunTasksService) private readonly runs: RunTasksService,
    @Inject(CostService) private readonly costs: CostService,
  ) {}

  @Post()
  @RequireRole('developer')
  @ApiOperation({ summary: 'Run tasks', description: 'Makes all of them or none. They are pending in the answer; watch them start.' })
  @ApiHeader({
    name: 'Idempotency-Key',
    required: false,
    description:
      'Makes the request safe to repeat for 24 hours: the same key and body give the same tasks. 1–255 visible ASCII characters.',
    schema: { type: 'string' },
  })
  @ApiCreatedResponse({ standardSchema: tasksSchema, description: 'The tasks.' })
  @ApiNotFoundResponse({ description: 'There is no such task definition.' })
  @ApiConflictResponse({ description: 'The key was used for another request.' })
  async runTasks(
    @CurrentTenant() tenantId: TenantId,
    @CurrentCaller() caller: Caller,
    @Body({ schema: runTasksSchema }) body: RunTasks,
    @Headers('Idempotency-Key') key?: string,
  ) {
    return { items: await this.runs.run({ tenantId, submittedBy: caller.submitter }, body, checkKey(key)) };
  }

  @Get()
  @RequireRole('viewer')
  @ApiOperation({ summary: 'List tasks', description: 'Newest first, unless `sort` says otherwise. All filters must hold.' })
  @ApiOkResponse({ standardSchema: pageSchema(taskSchema, 'TaskPage'), description: 'One page.' })
  listTasks(@CurrentTenant() tenant: TenantId, @Query({ schema: taskListQuerySchema }) query: TaskListQuery) {
    return this.tasks.list(tenant, query);
  }

  @Get(':taskId')
  @RequireRole('viewer')
  @ApiOperation({ summary: 'Show one task' })
  @ApiOkResponse({ standardSchema: taskSchema, description: 'The task.' })
  getTask(@CurrentTenant() tenant: TenantId, @Param('taskId') id: string) {
    return this.tasks.get(tenant, id);
  }

  @Post(':taskId/stop')
  @HttpCode(200)
  @RequireRole('developer')
  @ApiOperation({ summary: 'Stop a task', description: 'Asks it to stop. Repeating it changes nothing.' })
  @ApiBody({ required: false, schema: { $ref: '#/components/schemas/StopTask' } })
  @ApiOkResponse({ standardSchema: taskSchema, description: 'The task; one that was waiting for a host has stopped already.' })
  stopTask(
    @CurrentTenant() tenant: TenantId,
    @Param('taskId') id: string,
    @Body({ schema: stopTaskSchema.prefault({}) }) body: z.output<typeof stopTaskSchema>,
  ) {
    return this.tasks.stop(tenant, id, body.reason);
  }

  @Get(':taskId/events')
  @RequireRole('viewer')
  @ApiOperation({ summary: 'List what happened to a task', description: 'Oldest first.' })
  @ApiOkResponse({ standardSchema: pageSchema(taskEventSchema, 'TaskEventPage'), description: 'One page.' })
  listTaskEvents(@CurrentTenant() tenant: TenantId, @Param('taskId') id: string, @Query({ schema: pageQuerySchema }) query: PageQuery) {
    return this.tasks.events(tenant, id, query);
  }

  @Get(':taskId/cost')
  @RequireRole('viewer')
  @ApiOperation({ summary: 'What a task has cost so far', description: 'Live while it runs, in exact decimals.' })
  @ApiOkResponse({ standardSchema: taskCostSchema, description: 'The cost.' })
  getTaskCost(@CurrentTenant() tenant: TenantId, @Param('taskId') id: string) {
    return this.costs.ofTask(tenant, id);
  }
}

function checkKey(key: string | undefined): string | null {
  if (key === undefined || /^[\x21-\x7e]{1,255}$/.test(key)) return key ?? null;
  throw new ApiError(
    'invalid_request',
    { detail: 'Idempotency-Key must be 1–255 visible ASCII characters.' },
    { field: 'Idempotency-Key' },
  );
}
