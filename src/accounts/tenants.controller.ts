import {
  apiKeySchema,
  createApiKeySchema,
  createdApiKeySchema,
  createTenantSchema,
  type PageQuery,
  pageQuerySchema,
  pageSchema,
  tenantSchema,
} from '@berth/contract';
import { Body, Controller, Delete, Get, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { z } from 'zod';
import { AccountsService } from './accounts.service.js';
import { RequireRole } from './caller.js';

@ApiTags('operator')
@RequireRole('operator')
@Controller('v1/tenants')
export class TenantsController {
  constructor(@Inject(AccountsService) private readonly accounts: AccountsService) {}

  @Post()
  @ApiOperation({ summary: 'Make a tenant' })
  @ApiCreatedResponse({ standardSchema: tenantSchema, description: 'The tenant.' })
  createTenant(@Body({ schema: createTenantSchema }) body: z.output<typeof createTenantSchema>) {
    return this.accounts.createTenant(body.name);
  }

  @Get()
  @ApiOperation({ summary: 'List tenants, by name' })
  @ApiOkResponse({ standardSchema: pageSchema(tenantSchema, 'TenantPage'), description: 'One page.' })
  listTenants(@Query({ schema: pageQuerySchema }) query: PageQuery) {
    return this.accounts.listTenants(query);
  }

  @Post(':tenantId/api-keys')
  @ApiOperation({ summary: 'Make an API key for a tenant', description: 'The answer shows the key itself, once.' })
  @ApiCreatedResponse({ standardSchema: createdApiKeySchema, description: 'The key.' })
  createApiKey(@Param('tenantId') tenantId: string, @Body({ schema: createApiKeySchema }) body: z.output<typeof createApiKeySchema>) {
    return this.accounts.createKey(tenantId, body);
  }

  @Get(':tenantId/api-keys')
  @ApiOperation({ summary: 'List a tenant’s API keys, revoked ones too' })
  @ApiOkResponse({ standardSchema: pageSchema(apiKeySchema, 'ApiKeyPage'), description: 'One page, oldest first.' })
  listApiKeys(@Param('tenantId') tenantId: string, @Query({ schema: pageQuerySchema }) query: PageQuery) {
    return this.accounts.listKeys(tenantId, query);
  }

  @Delete(':tenantId/api-keys/:keyId')
  @ApiOperation({ summary: 'Revoke an API key', description: 'It stops working within 5 s. Revoking it again changes nothing.' })
  @ApiOkResponse({ standardSchema: apiKeySchema, description: 'The revoked key.' })
  revokeApiKey(@Param('tenantId') tenantId: string, @Param('keyId') keyId: string) {
    return this.accounts.revokeKey(tenantId, keyId);
  }
}
