import { type CostQuery, costQuerySchema, costsSchema, type TenantId } from '@berth/contract';
import { Controller, Get, Inject, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentTenant, RequireRole } from '../accounts/caller.js';
import { LiveCostsService } from './live-costs.service.js';

@ApiTags('costs')
@Controller('v1/costs')
export class CostsController {
  constructor(@Inject(LiveCostsService) private readonly costs: LiveCostsService) {}

  @Get()
  @RequireRole('viewer')
  @ApiOperation({
    summary: 'What runs costs now, what the month has cost so far, and what it will come to',
    description: 'Up to this moment, and before credits. The invoice of the month is made from the same usage and prices.',
  })
  @ApiOkResponse({ standardSchema: costsSchema, description: 'The costs.' })
  getCosts(@CurrentTenant() tenantId: TenantId, @Query({ schema: costQuerySchema }) query: CostQuery) {
    return this.costs.costs(tenantId, query);
  }
}
