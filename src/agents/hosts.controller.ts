import {
  type CreateHostToken,
  createHostTokenSchema,
  hostEventSchema,
  hostSchema,
  hostSoftwareSchema,
  hostTokenSchema,
  type PageQuery,
  pageQuerySchema,
  pageSchema,
  removeHostQuerySchema,
  type UpdateHost,
  updateHostSchema,
} from '@berth/contract';
import { Body, Controller, Delete, Get, Inject, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiConflictResponse, ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { z } from 'zod';
import { RequireRole } from '../accounts/caller.js';
import { HostJoin } from './host-join.service.js';
import { HostsService } from './hosts.service.js';

@ApiTags('operator')
@RequireRole('operator')
@Controller('v1')
export class HostsController {
  constructor(
    @Inject(HostsService) private readonly hosts: HostsService,
    @Inject(HostJoin) private readonly join: HostJoin,
  ) {}

  @Get('hosts')
  @ApiOperation({ summary: 'List hosts, oldest first' })
  @ApiOkResponse({ standardSchema: pageSchema(hostSchema, 'HostPage'), description: 'All of them, in one page.' })
  async listHosts() {
    return { items: await this.hosts.list(), nextCursor: null };
  }

  @Get('hosts/:hostId')
  @ApiOperation({ summary: 'Show one host' })
  @ApiOkResponse({ standardSchema: hostSchema, description: 'The host.' })
  getHost(@Param('hostId') hostId: string) {
    return this.hosts.get(hostId);
  }

  @Patch('hosts/:hostId')
  @ApiOperation({ summary: 'Set a host’s pool, zone and attributes', description: 'What is left out stays.' })
  @ApiOkResponse({ standardSchema: hostSchema, description: 'The host.' })
  updateHost(@Param('hostId') hostId: string, @Body({ schema: updateHostSchema }) body: UpdateHost) {
    return this.hosts.update(hostId, body);
  }

  @Delete('hosts/:hostId')
  @ApiOperation({ summary: 'Remove a host', description: 'Its connection is closed and its certificate refused within a minute.' })
  @ApiOkResponse({ standardSchema: hostSchema, description: 'The host as it was.' })
  @ApiConflictResponse({ description: 'It still has tasks.' })
  removeHost(@Param('hostId') hostId: string, @Query({ schema: removeHostQuerySchema }) query: z.output<typeof removeHostQuerySchema>) {
    return this.hosts.remove(hostId, query.force);
  }

  @Get('hosts/:hostId/events')
  @ApiOperation({ summary: 'List what happened to a host', description: 'Oldest first; also of one that was removed.' })
  @ApiOkResponse({ standardSchema: pageSchema(hostEventSchema, 'HostEventPage'), description: 'One page.' })
  listHostEvents(@Param('hostId') hostId: string, @Query({ schema: pageQuerySchema }) query: PageQuery) {
    return this.hosts.events(hostId, query);
  }

  @Post('host-tokens')
  @ApiOperation({
    summary: 'Make a token that turns a machine into a host',
    description: 'The answer shows it, once, with the command to run on that machine.',
  })
  @ApiCreatedResponse({ standardSchema: hostTokenSchema, description: 'The token, and where to take it.' })
  createHostToken(@Body({ schema: createHostTokenSchema }) body: CreateHostToken) {
    return this.join.createToken(body);
  }

  @Get('host-software')
  @ApiOperation({ summary: 'Where a new machine gets the host software', description: 'It is packed when it is first asked for.' })
  @ApiOkResponse({ standardSchema: hostSoftwareSchema, description: 'The file, and what it must be.' })
  getHostSoftware() {
    return this.join.software();
  }
}
