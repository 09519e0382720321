import { createHostTokenSchema, hostSchema, hostTokenSchema, pageSchema } from '@berth/contract';
import { Body, Controller, Get, Inject, Param, Post } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { z } from 'zod';
import { RequireRole } from '../accounts/caller.js';
import { Enrolment } from './enrolment.service.js';
import { HostsService } from './hosts.service.js';

@ApiTags('operator')
@RequireRole('operator')
@Controller('v1')
export class HostsController {
  constructor(
    @Inject(HostsService) private readonly hosts: HostsService,
    @Inject(Enrolment) private readonly enrolment: Enrolment,
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

  @Post('host-tokens')
  @ApiOperation({ summary: 'Make a token that turns a machine into a host', description: 'Usable once. The answer shows it, once.' })
  @ApiCreatedResponse({ standardSchema: hostTokenSchema, description: 'The token, and where to take it.' })
  createHostToken(@Body({ schema: createHostTokenSchema }) body: z.output<typeof createHostTokenSchema>) {
    return this.enrolment.createToken(body.validForSeconds);
  }
}
