import { capacityGroupSchema, type PutCapacityGroup, pageSchema, putCapacityGroupSchema } from '@berth/contract';
import { Body, Controller, Delete, Get, Inject, Param, Put } from '@nestjs/common';
import { ApiConflictResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { RequireRole } from '../accounts/caller.js';
import { CapacityGroups } from './capacity-groups.service.js';

@ApiTags('operator')
@RequireRole('operator')
@Controller('v1/capacity-groups')
export class CapacityGroupsController {
  constructor(@Inject(CapacityGroups) private readonly groups: CapacityGroups) {}

  @Get()
  @ApiOperation({ summary: 'List capacity groups, by name' })
  @ApiOkResponse({ standardSchema: pageSchema(capacityGroupSchema, 'CapacityGroupPage'), description: 'All of them, in one page.' })
  async listCapacityGroups() {
    return { items: await this.groups.list(), nextCursor: null };
  }

  @Get(':capacityGroup')
  @ApiOperation({ summary: 'Show a capacity group, and what is used of it' })
  @ApiOkResponse({ standardSchema: capacityGroupSchema, description: 'The group.' })
  getCapacityGroup(@Param('capacityGroup') name: string) {
    return this.groups.get(name);
  }

  @Put(':capacityGroup')
  @ApiOperation({ summary: 'Make a capacity group, or change all of it', description: 'Tasks that run stay where they are.' })
  @ApiOkResponse({ standardSchema: capacityGroupSchema, description: 'The group as it is now.' })
  @ApiConflictResponse({ description: 'A tenant is in another group.' })
  putCapacityGroup(@Param('capacityGroup') name: string, @Body({ schema: putCapacityGroupSchema }) body: PutCapacityGroup) {
    return this.groups.put(name, body);
  }

  @Delete(':capacityGroup')
  @ApiOperation({ summary: 'Delete a capacity group', description: 'Its tenants’ guaranteed tasks stay, and no more are placed.' })
  @ApiOkResponse({ standardSchema: capacityGroupSchema, description: 'The group as it was.' })
  deleteCapacityGroup(@Param('capacityGroup') name: string) {
    return this.groups.delete(name);
  }
}
