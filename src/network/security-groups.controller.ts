import {
  type CreateSecurityGroup,
  createSecurityGroupSchema,
  type PageQuery,
  pageSchema,
  securityGroupListQuerySchema,
  securityGroupSchema,
  type TenantId,
  updateSecurityGroupSchema,
} from '@berth/contract';
import { Body, Controller, Delete, Get, Inject, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiConflictResponse, ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { z } from 'zod';
import { CurrentTenant, RequireRole } from '../accounts/caller.js';
import { SecurityGroups } from './security-groups.service.js';

@ApiTags('security groups')
@Controller('v1/security-groups')
export class SecurityGroupsController {
  constructor(@Inject(SecurityGroups) private readonly groups: SecurityGroups) {}

  @Post()
  @RequireRole('developer')
  @ApiOperation({ summary: 'Make a security group' })
  @ApiCreatedResponse({ standardSchema: securityGroupSchema, description: 'The group.' })
  @ApiConflictResponse({ description: 'The name is taken.' })
  createSecurityGroup(@CurrentTenant() tenantId: TenantId, @Body({ schema: createSecurityGroupSchema }) body: CreateSecurityGroup) {
    return this.groups.create(tenantId, body);
  }

  @Get()
  @RequireRole('viewer')
  @ApiOperation({ summary: 'List security groups, by name' })
  @ApiOkResponse({ standardSchema: pageSchema(securityGroupSchema, 'SecurityGroupPage'), description: 'One page.' })
  listSecurityGroups(@CurrentTenant() tenantId: TenantId, @Query({ schema: securityGroupListQuerySchema }) query: PageQuery) {
    return this.groups.list(tenantId, query);
  }

  @Get(':securityGroup')
  @RequireRole('viewer')
  @ApiOperation({ summary: 'Show a security group, by name' })
  @ApiOkResponse({ standardSchema: securityGroupSchema, description: 'The group.' })
  getSecurityGroup(@CurrentTenant() tenantId: TenantId, @Param('securityGroup') name: string) {
    return this.groups.get(tenantId, name);
  }

  @Patch(':securityGroup')
  @RequireRole('developer')
  @ApiOperation({
    summary: 'Change a security group',
    description: 'Running tasks have the new rules within a second. Connections that are open stay open.',
  })
  @ApiOkResponse({ standardSchema: securityGroupSchema, description: 'The group as it is now.' })
  updateSecurityGroup(
    @CurrentTenant() tenantId: TenantId,
    @Param('securityGroup') name: string,
    @Body({ schema: updateSecurityGroupSchema }) body: z.output<typeof updateSecurityGroupSchema>,
  ) {
    return this.groups.update(tenantId, name, body);
  }

  @Delete(':securityGroup')
  @RequireRole('developer')
  @ApiOperation({ summary: 'Delete a security group that no task is in and no rule names' })
  @ApiOkResponse({ standardSchema: securityGroupSchema, description: 'The group as it was.' })
  @ApiConflictResponse({ description: 'It is in use.' })
  deleteSecurityGroup(@CurrentTenant() tenantId: TenantId, @Param('securityGroup') name: string) {
    return this.groups.delete(tenantId, name);
  }
}
