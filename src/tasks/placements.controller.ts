import { type SimulatePlacement, simulatedPlacementSchema, simulatePlacementSchema, type TenantId } from '@berth/contract';
import { Body, Controller, HttpCode, Inject, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentTenant, RequireRole } from '../accounts/caller.js';
import { SimulateTasks } from './simulate-tasks.service.js';

@ApiTags('tasks')
@Controller('v1')
export class PlacementsController {
  constructor(@Inject(SimulateTasks) private readonly simulations: SimulateTasks) {}

  @Post('placements::simulate')
  @HttpCode(200)
  @RequireRole('viewer')
  @ApiOperation({
    summary: 'Say where tasks would run',
    description: 'The body of POST /v1/tasks. Where they would go, why, in how long and at what price, without running them.',
  })
  @ApiOkResponse({ standardSchema: simulatedPlacementSchema, description: 'As it would be now.' })
  simulatePlacement(@CurrentTenant() tenantId: TenantId, @Body({ schema: simulatePlacementSchema }) body: SimulatePlacement) {
    return this.simulations.simulate(tenantId, body);
  }
}
