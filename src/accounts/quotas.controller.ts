import { quotasSchema, type SetQuotas, setQuotaDefaultsSchema, setQuotasSchema, type TenantId } from '@berth/contract';
import { Body, Controller, Get, Inject, Param, Patch } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Audited, CurrentTenant, RequireRole } from './caller.js';
import { Quotas } from './quotas.service.js';
import { Tenants } from './tenants.service.js';

@ApiTags('quotas')
@Controller('v1')
export class QuotasController {
  constructor(
    @Inject(Quotas) private readonly quotas: Quotas,
    @Inject(Tenants) private readonly tenants: Tenants,
  ) {}

  @Get('quotas')
  @RequireRole('viewer')
  @ApiOperation({ summary: 'List quotas, and what is used of them' })
  @ApiOkResponse({ standardSchema: quotasSchema, description: 'All of them.' })
  async listQuotas(@CurrentTenant() tenant: TenantId) {
    return { items: await this.quotas.list(tenant) };
  }

  @Get('tenants/:tenantId/quotas')
  @RequireRole('operator')
  @ApiOperation({ summary: 'List a tenant’s quotas, and what is used of them' })
  @ApiOkResponse({ standardSchema: quotasSchema, description: 'All of them.' })
  async listTenantQuotas(@Param('tenantId') tenantId: string) {
    return { items: await this.quotas.list(await this.tenants.idOf(tenantId)) };
  }

  @Patch('tenants/:tenantId/quotas')
  @RequireRole('operator')
  @Audited('*')
  @ApiOperation({ summary: 'Set a tenant’s quotas', description: 'What it has beyond a new limit it keeps; it gets no more.' })
  @ApiOkResponse({ standardSchema: quotasSchema, description: 'As they are now.' })
  async setTenantQuotas(@Param('tenantId') tenantId: string, @Body({ schema: setQuotasSchema }) body: SetQuotas) {
    const id = await this.tenants.idOf(tenantId);
    await this.quotas.set(id, body);
    return { items: await this.quotas.list(id) };
  }

  @Get('quota-defaults')
  @RequireRole('operator')
  @ApiOperation({ summary: 'List the quotas of tenants that have none of their own' })
  @ApiOkResponse({ standardSchema: quotasSchema, description: 'All of them.' })
  async listQuotaDefaults() {
    return { items: await this.quotas.defaults() };
  }

  @Patch('quota-defaults')
  @RequireRole('operator')
  @Audited('*')
  @ApiOperation({ summary: 'Set the quotas of tenants that have none of their own' })
  @ApiOkResponse({ standardSchema: quotasSchema, description: 'As they are now.' })
  async setQuotaDefaults(@Body({ schema: setQuotaDefaultsSchema }) body: SetQuotas) {
    await this.quotas.set(null, body);
    return { items: await this.quotas.defaults() };
  }
}
