import {
  type CreateVolume,
  createVolumeSchema,
  type PageQuery,
  pageQuerySchema,
  pageSchema,
  type TenantId,
  volumeSchema,
} from '@berth/contract';
import { Body, Controller, Delete, Get, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiConflictResponse, ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentTenant, RequireRole } from '../accounts/caller.js';
import { VolumesService } from './volumes.service.js';

@ApiTags('volumes')
@Controller('v1/volumes')
export class VolumesController {
  constructor(@Inject(VolumesService) private readonly volumes: VolumesService) {}

  @Post()
  @RequireRole('developer')
  @ApiOperation({
    summary: 'Make a persistent volume',
    description:
      'Tasks use it by their definition’s volumes and mountPoints. The first of them chooses the host on which it lives from then on. ' +
      'It is billed by its size until it is deleted.',
  })
  @ApiCreatedResponse({ standardSchema: volumeSchema, description: 'The volume.' })
  @ApiConflictResponse({ description: 'The name is taken, or there are too many.' })
  createVolume(@CurrentTenant() tenant: TenantId, @Body({ schema: createVolumeSchema }) body: CreateVolume) {
    return this.volumes.create(tenant, body);
  }

  @Get()
  @RequireRole('viewer')
  @ApiOperation({ summary: 'List volumes, by name' })
  @ApiOkResponse({ standardSchema: pageSchema(volumeSchema, 'VolumePage'), description: 'One page.' })
  listVolumes(@CurrentTenant() tenant: TenantId, @Query({ schema: pageQuerySchema }) query: PageQuery) {
    return this.volumes.list(tenant, query);
  }

  @Get(':volumeName')
  @RequireRole('viewer')
  @ApiOperation({ summary: 'Show a volume' })
  @ApiOkResponse({ standardSchema: volumeSchema, description: 'The volume.' })
  getVolume(@CurrentTenant() tenant: TenantId, @Param('volumeName') name: string) {
    return this.volumes.get(tenant, name);
  }

  @Delete(':volumeName')
  @RequireRole('developer')
  @ApiOperation({
    summary: 'Delete a volume',
    description: 'With all that is in it, for good. On a host that can’t be reached it is removed when that is back.',
  })
  @ApiOkResponse({ standardSchema: volumeSchema, description: 'The volume that was deleted.' })
  @ApiConflictResponse({ description: 'A task that has not stopped uses it.' })
  deleteVolume(@CurrentTenant() tenant: TenantId, @Param('volumeName') name: string) {
    return this.volumes.delete(tenant, name);
  }
}
