import { type ProtectTask, protectTaskSchema, type TenantId, taskSchema } from '@berth/contract';
import { Body, Controller, Inject, Param, Put } from '@nestjs/common';
import { ApiConflictResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentTenant, RequireRole } from '../accounts/caller.js';
import { TaskProtection } from './task-protection.service.js';

@ApiTags('tasks')
@Controller('v1/tasks/:taskId/protection')
export class TaskProtectionController {
  constructor(@Inject(TaskProtection) private readonly protection: TaskProtection) {}

  @Put()
  @RequireRole('developer')
  @ApiOperation({
    summary: 'Protect a task, or no longer',
    description:
      'A protected task is kept when its service shrinks. It can still be stopped. The task may ask for the same from inside ' +
      '(`$ECS_AGENT_URI/task-protection/v1/state`); whichever was said last counts.',
  })
  @ApiOkResponse({ standardSchema: taskSchema, description: 'The task.' })
  @ApiConflictResponse({ description: 'It has stopped, or is to stop.' })
  protectTask(@CurrentTenant() tenant: TenantId, @Param('taskId') id: string, @Body({ schema: protectTaskSchema }) body: ProtectTask) {
    return this.protection.set(tenant, id, body);
  }
}
