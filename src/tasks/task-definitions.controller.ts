import {
  pageSchema,
  type TaskDefinitionListQuery,
  type TaskDefinitionSpec,
  type TenantId,
  taskDefinitionInputSchema,
  taskDefinitionListQuerySchema,
  taskDefinitionSchema,
} from '@berth/contract';
import { Body, Controller, Delete, Get, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiConflictResponse, ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { CurrentTenant, RequireRole } from '../accounts/caller.js';
import { TaskDefinitionsService } from './task-definitions.service.js';

@ApiTags('task definitions')
@Controller('v1/task-definitions')
export class TaskDefinitionsController {
  constructor(@Inject(TaskDefinitionsService) private readonly definitions: TaskDefinitionsService) {}

  @Post()
  @RequireRole('developer')
  @ApiOperation({
    summary: 'Register a task definition',
    description:
      'Makes the family’s next revision. It never changes; images are resolved to digests now (a tag that was moved in the last 5 s may still mean what it meant before).',
  })
  @ApiCreatedResponse({ standardSchema: taskDefinitionSchema, description: 'The new revision.' })
  registerTaskDefinition(@CurrentTenant() tenant: TenantId, @Body({ schema: taskDefinitionInputSchema }) body: TaskDefinitionSpec) {
    return this.definitions.register(tenant, body);
  }

  @Get()
  @RequireRole('viewer')
  @ApiOperation({ summary: 'List task definitions', description: 'By family, newest revision first. Deregistered ones are left out.' })
  @ApiOkResponse({ standardSchema: pageSchema(taskDefinitionSchema, 'TaskDefinitionPage'), description: 'One page.' })
  listTaskDefinitions(@CurrentTenant() tenant: TenantId, @Query({ schema: taskDefinitionListQuerySchema }) query: TaskDefinitionListQuery) {
    return this.definitions.list(tenant, query);
  }

  @Get(':name')
  @RequireRole('viewer')
  @ApiOperation({ summary: 'Show one task definition' })
  @ApiParam({ name: 'name', description: '`family:revision`, or `family` for its newest revision.' })
  @ApiOkResponse({ standardSchema: taskDefinitionSchema, description: 'The definition.' })
  getTaskDefinition(@CurrentTenant() tenant: TenantId, @Param('name') name: string) {
    return this.definitions.get(tenant, name);
  }

  @Delete(':name')
  @RequireRole('developer')
  @ApiOperation({ summary: 'Deregister a revision', description: 'Nothing can be started from it any more. Its past tasks still show it.' })
  @ApiParam({ name: 'name', description: '`family:revision`' })
  @ApiOkResponse({ standardSchema: taskDefinitionSchema, description: 'The deregistered revision.' })
  @ApiConflictResponse({ description: 'Tasks of it have not stopped yet.' })
  deregisterTaskDefinition(@CurrentTenant() tenant: TenantId, @Param('name') name: string) {
    return this.definitions.deregister(tenant, name);
  }
}
