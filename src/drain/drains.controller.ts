import { cordonHostSchema, type DrainHost, drainHostSchema, drainSchema, hostSchema } from '@berth/contract';
import { Body, Controller, Get, HttpCode, Inject, Param, Post } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { z } from 'zod';
import { RequireRole } from '../accounts/caller.js';
import { DrainsService } from './drains.service.js';

@ApiTags('operator')
@RequireRole('operator')
@Controller('v1/hosts/:hostId')
export class DrainsController {
  constructor(@Inject(DrainsService) private readonly drains: DrainsService) {}

  @Post('drain')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Empty a host',
    description:
      'It gets no new tasks, and those it has leave as they asked (`onHostDrain`) and as their disruption budgets allow; at the deadline they have to. ' +
      'Repeated, it sets the deadline anew. The host stays cordoned afterwards.',
  })
  @ApiBody({ required: false, schema: { $ref: '#/components/schemas/DrainHost' } })
  @ApiOkResponse({ standardSchema: drainSchema, description: 'The drain.' })
  drainHost(@Param('hostId') hostId: string, @Body({ schema: drainHostSchema.prefault({}) }) body: DrainHost) {
    return this.drains.start(hostId, body);
  }

  @Get('drain')
  @ApiOperation({ summary: 'How far a host’s newest drain is', description: 'Also when it is over.' })
  @ApiOkResponse({ standardSchema: drainSchema, description: 'The drain.' })
  getDrain(@Param('hostId') hostId: string) {
    return this.drains.get(hostId);
  }

  @Post('cordon')
  @HttpCode(200)
  @ApiOperation({ summary: 'Give a host no new tasks', description: 'Those it has stay. A drain that is under way is called off.' })
  @ApiBody({ required: false, schema: { $ref: '#/components/schemas/CordonHost' } })
  @ApiOkResponse({ standardSchema: hostSchema, description: 'The host.' })
  cordonHost(@Param('hostId') hostId: string, @Body({ schema: cordonHostSchema.prefault({}) }) body: z.output<typeof cordonHostSchema>) {
    return this.drains.cordon(hostId, body.reason);
  }

  @Post('uncordon')
  @HttpCode(200)
  @ApiOperation({ summary: 'Give a host tasks again', description: 'A drain that is under way is called off.' })
  @ApiOkResponse({ standardSchema: hostSchema, description: 'The host.' })
  uncordonHost(@Param('hostId') hostId: string) {
    return this.drains.uncordon(hostId);
  }
}
