import {
  type ResizeTask,
  resizeTaskSchema,
  type SignalTask,
  signalledSchema,
  signalTaskSchema,
  type TenantId,
  taskSchema,
} from '@berth/contract';
import { Body, Controller, HttpCode, Inject, Param, Patch, Post } from '@nestjs/common';
import { ApiConflictResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentTenant, RequireRole } from '../accounts/caller.js';
import { TaskAdjustments } from './task-adjustments.service.js';

@ApiTags('tasks')
@Controller('v1/tasks/:taskId')
export class TaskAdjustmentsController {
  constructor(@Inject(TaskAdjustments) private readonly adjustments: TaskAdjustments) {}

  @Patch()
  @RequireRole('developer')
  @ApiOperation({
    summary: 'Resize a running task',
    description:
      'Changes CPU and memory while it runs, and what it costs from that moment on. Waits for the host’s answer up to 8 s; ' +
      'after that `adjustment` in the answer is pending, and the host does it as soon as it can.',
  })
  @ApiOkResponse({ standardSchema: taskSchema, description: 'The task.' })
  @ApiConflictResponse({ description: 'It is not running, the host has no room, or it uses more memory than it would have.' })
  resizeTask(@CurrentTenant() tenant: TenantId, @Param('taskId') id: string, @Body({ schema: resizeTaskSchema }) body: ResizeTask) {
    return this.adjustments.resize(tenant, id, body);
  }

  @Post('freeze')
  @HttpCode(200)
  @RequireRole('developer')
  @ApiOperation({
    summary: 'Freeze a task',
    description: 'Holds all of its processes where they are; it keeps its memory, address and host. Repeating it changes nothing.',
  })
  @ApiOkResponse({ standardSchema: taskSchema, description: 'The task.' })
  @ApiConflictResponse({ description: 'It is not running, or a process of it can’t be held.' })
  freezeTask(@CurrentTenant() tenant: TenantId, @Param('taskId') id: string) {
    return this.adjustments.setFrozen(tenant, id, true);
  }

  @Post('thaw')
  @HttpCode(200)
  @RequireRole('developer')
  @ApiOperation({ summary: 'Thaw a frozen task', description: 'Lets its processes go on. Repeating it changes nothing.' })
  @ApiOkResponse({ standardSchema: taskSchema, description: 'The task.' })
  @ApiConflictResponse({ description: 'It is not running.' })
  thawTask(@CurrentTenant() tenant: TenantId, @Param('taskId') id: string) {
    return this.adjustments.setFrozen(tenant, id, false);
  }

  @Post('signal')
  @HttpCode(200)
  @RequireRole('developer')
  @ApiOperation({
    summary: 'Send a signal to a task',
    description:
      'To the first process of one container, or of each that runs. Sent once; nothing is sent later if the host can’t be reached.',
  })
  @ApiOkResponse({ standardSchema: signalledSchema, description: 'Who got it.' })
  @ApiConflictResponse({ description: 'Nothing of it runs.' })
  signalTask(@CurrentTenant() tenant: TenantId, @Param('taskId') id: string, @Body({ schema: signalTaskSchema }) body: SignalTask) {
    return this.adjustments.signal(tenant, id, body);
  }
}
