import {
  type CreateSecret,
  createSecretSchema,
  type PageQuery,
  type PutSecret,
  pageQuerySchema,
  pageSchema,
  putSecretSchema,
  secretSchema,
  secretWithValueSchema,
  type TenantId,
} from '@berth/contract';
import { Body, Controller, Delete, Get, Inject, Param, Post, Put, Query } from '@nestjs/common';
import { ApiConflictResponse, ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentTenant, RequireRole } from '../accounts/caller.js';
import { SecretsService } from './secrets.service.js';

@ApiTags('secrets')
@Controller('v1/secrets')
export class SecretsController {
  constructor(@Inject(SecretsService) private readonly secrets: SecretsService) {}

  @Post()
  @RequireRole('developer')
  @ApiOperation({
    summary: 'Keep a secret, or configuration',
    description:
      'Containers get it by their definition’s secrets, secretFiles and environmentFiles. The value is never shown again if it is sensitive.',
  })
  @ApiCreatedResponse({ standardSchema: secretSchema, description: 'The secret, without its value.' })
  @ApiConflictResponse({ description: 'The name is taken: PUT makes a new version.' })
  createSecret(@CurrentTenant() tenant: TenantId, @Body({ schema: createSecretSchema }) body: CreateSecret) {
    return this.secrets.create(tenant, body);
  }

  @Get()
  @RequireRole('viewer')
  @ApiOperation({ summary: 'List secrets and configuration, by name', description: 'Without values.' })
  @ApiOkResponse({ standardSchema: pageSchema(secretSchema, 'SecretPage'), description: 'One page.' })
  listSecrets(@CurrentTenant() tenant: TenantId, @Query({ schema: pageQuerySchema }) query: PageQuery) {
    return this.secrets.list(tenant, query);
  }

  @Get(':secretName')
  @RequireRole('viewer')
  @ApiOperation({ summary: 'Show a secret', description: 'With the value of its newest version only if it is not sensitive.' })
  @ApiOkResponse({ standardSchema: secretWithValueSchema, description: 'The secret.' })
  getSecret(@CurrentTenant() tenant: TenantId, @Param('secretName') name: string) {
    return this.secrets.get(tenant, name);
  }

  @Put(':secretName')
  @RequireRole('developer')
  @ApiOperation({ summary: 'Make a new version of a secret', description: 'Tasks that run keep what they have; new ones get this.' })
  @ApiOkResponse({ standardSchema: secretSchema, description: 'The secret, without its value.' })
  putSecret(@CurrentTenant() tenant: TenantId, @Param('secretName') name: string, @Body({ schema: putSecretSchema }) body: PutSecret) {
    return this.secrets.put(tenant, name, body);
  }

  @Delete(':secretName')
  @RequireRole('developer')
  @ApiOperation({ summary: 'Delete a secret', description: 'With all versions, for good. Tasks that run keep what they have.' })
  @ApiOkResponse({ standardSchema: secretSchema, description: 'The secret that was deleted.' })
  deleteSecret(@CurrentTenant() tenant: TenantId, @Param('secretName') name: string) {
    return this.secrets.delete(tenant, name);
  }
}
