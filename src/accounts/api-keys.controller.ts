import {
  apiKeySchema,
  type CreateApiKey,
  createApiKeySchema,
  createdApiKeySchema,
  type PageQuery,
  pageQuerySchema,
  pageSchema,
  type RotateApiKey,
  rotateApiKeySchema,
  type TenantId,
} from '@berth/contract';
import { Body, Controller, Delete, Get, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiConflictResponse, ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiKeys } from './api-keys.service.js';
import { Audited, CurrentTenant, RequireRole } from './caller.js';

@ApiTags('accounts')
@RequireRole('owner')
@Controller('v1/api-keys')
export class ApiKeysController {
  constructor(@Inject(ApiKeys) private readonly keys: ApiKeys) {}

  @Post()
  @Audited('name', 'role', 'scopes', 'expiresAt', 'awsStyle')
  @ApiOperation({ summary: 'Make an API key', description: 'The answer shows the key itself, once.' })
  @ApiCreatedResponse({ standardSchema: createdApiKeySchema, description: 'The key.' })
  createOwnApiKey(@CurrentTenant() tenant: TenantId, @Body({ schema: createApiKeySchema }) body: CreateApiKey) {
    return this.keys.create(tenant, body);
  }

  @Get()
  @ApiOperation({ summary: 'List API keys, revoked ones too' })
  @ApiOkResponse({ standardSchema: pageSchema(apiKeySchema, 'ApiKeyPage'), description: 'One page, oldest first.' })
  listOwnApiKeys(@CurrentTenant() tenant: TenantId, @Query({ schema: pageQuerySchema }) query: PageQuery) {
    return this.keys.list(tenant, query);
  }

  @Post(':keyId/rotate')
  @Audited('overlapSeconds', 'expiresAt')
  @ApiOperation({ summary: 'Replace an API key', description: 'The new one may do the same. The old one works on for `overlapSeconds`.' })
  @ApiCreatedResponse({ standardSchema: createdApiKeySchema, description: 'The new key.' })
  @ApiConflictResponse({ description: 'The key is revoked or has expired.' })
  rotateApiKey(@CurrentTenant() tenant: TenantId, @Param('keyId') keyId: string, @Body({ schema: rotateApiKeySchema }) body: RotateApiKey) {
    return this.keys.rotate(tenant, keyId, body);
  }

  @Delete(':keyId')
  @ApiOperation({ summary: 'Revoke an API key', description: 'It stops working within 5 s. Revoking it again changes nothing.' })
  @ApiOkResponse({ standardSchema: apiKeySchema, description: 'The revoked key.' })
  revokeOwnApiKey(@CurrentTenant() tenant: TenantId, @Param('keyId') keyId: string) {
    return this.keys.revoke(tenant, keyId);
  }
}
