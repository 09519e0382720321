import {
  apiKeySchema,
  type CreateApiKey,
  type CreateInvitation,
  changeTenantSchema,
  createApiKeySchema,
  createdApiKeySchema,
  createdInvitationSchema,
  createInvitationSchema,
  createTenantSchema,
  type PageQuery,
  pageQuerySchema,
  pageSchema,
  tenantSchema,
} from '@berth/contract';
import { Body, Controller, Delete, Get, Inject, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { z } from 'zod';
import { ApiKeys } from './api-keys.service.js';
import { Audited, type Caller, CurrentCaller, RequireRole } from './caller.js';
import { Tenants } from './tenants.service.js';
import { Users } from './users.service.js';

@ApiTags('operator')
@RequireRole('operator')
@Controller('v1/tenants')
export class TenantsController {
  constructor(
    @Inject(Tenants) private readonly tenants: Tenants,
    @Inject(ApiKeys) private readonly keys: ApiKeys,
    @Inject(Users) private readonly users: Users,
  ) {}

  @Post()
  @Audited('name')
  @ApiOperation({ summary: 'Make a tenant' })
  @ApiCreatedResponse({ standardSchema: tenantSchema, description: 'The tenant.' })
  createTenant(@Body({ schema: createTenantSchema }) body: z.output<typeof createTenantSchema>) {
    return this.tenants.create(body.name);
  }

  @Get()
  @ApiOperation({ summary: 'List tenants, by name' })
  @ApiOkResponse({ standardSchema: pageSchema(tenantSchema, 'TenantPage'), description: 'One page.' })
  listTenants(@Query({ schema: pageQuerySchema }) query: PageQuery) {
    return this.tenants.list(query);
  }

  @Patch(':tenantId')
  @Audited('placementWeight')
  @ApiOperation({
    summary: 'Set a tenant’s share of the queue',
    description: 'Counts when tasks of several tenants wait: next is the tenant that holds least of the fleet, divided by its weight.',
  })
  @ApiOkResponse({ standardSchema: tenantSchema, description: 'The tenant.' })
  changeTenant(@Param('tenantId') tenantId: string, @Body({ schema: changeTenantSchema }) body: z.output<typeof changeTenantSchema>) {
    return this.tenants.weigh(tenantId, body.placementWeight);
  }

  @Post(':tenantId/api-keys')
  @Audited('name', 'role', 'scopes', 'expiresAt', 'awsStyle')
  @ApiOperation({ summary: 'Make an API key for a tenant', description: 'The answer shows the key itself, once.' })
  @ApiCreatedResponse({ standardSchema: createdApiKeySchema, description: 'The key.' })
  async createApiKey(@Param('tenantId') tenantId: string, @Body({ schema: createApiKeySchema }) body: CreateApiKey) {
    return this.keys.create(await this.tenants.idOf(tenantId), body);
  }

  @Get(':tenantId/api-keys')
  @ApiOperation({ summary: 'List a tenant’s API keys, revoked ones too' })
  @ApiOkResponse({ standardSchema: pageSchema(apiKeySchema, 'ApiKeyPage'), description: 'One page, oldest first.' })
  async listApiKeys(@Param('tenantId') tenantId: string, @Query({ schema: pageQuerySchema }) query: PageQuery) {
    return this.keys.list(await this.tenants.idOf(tenantId), query);
  }

  @Delete(':tenantId/api-keys/:keyId')
  @ApiOperation({
    summary: 'Revoke an API key of a tenant',
    description: 'It stops working within 5 s. Revoking it again changes nothing.',
  })
  @ApiOkResponse({ standardSchema: apiKeySchema, description: 'The revoked key.' })
  async revokeApiKey(@Param('tenantId') tenantId: string, @Param('keyId') keyId: string) {
    return this.keys.revoke(await this.tenants.idOf(tenantId), keyId);
  }

  @Post(':tenantId/invitations')
  @Audited('email', 'role')
  @ApiOperation({
    summary: 'Invite somebody into a tenant',
    description:
      'As its owners can. Because an operator vouches for whoever gets the token, it also sets a new password for a user that there is.',
  })
  @ApiCreatedResponse({ standardSchema: createdInvitationSchema, description: 'The invitation, with its token.' })
  async inviteToTenant(
    @CurrentCaller() caller: Caller,
    @Param('tenantId') tenantId: string,
    @Body({ schema: createInvitationSchema }) body: CreateInvitation,
  ) {
    return this.users.invite(await this.tenants.idOf(tenantId), caller, body);
  }
}
