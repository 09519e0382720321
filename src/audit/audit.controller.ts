import {
  type AuditQuery,
  type AuditVerifyQuery,
  auditEventSchema,
  auditQuerySchema,
  auditVerificationSchema,
  auditVerifyQuerySchema,
  pageSchema,
  type TenantId,
} from '@berth/contract';
import { Controller, Get, Inject, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentTenant, RequireRole } from '../accounts/caller.js';
import { AuditService } from './audit.service.js';
import { platformChain } from './audit-event.js';

@ApiTags('audit')
@Controller('v1')
export class AuditController {
  constructor(@Inject(AuditService) private readonly audit: AuditService) {}

  @Get('audit')
  @RequireRole('viewer')
  @ApiOperation({
    summary: 'List what was changed and what was denied',
    description: 'Newest first. With what the operator did to this tenant.',
  })
  @ApiOkResponse({ standardSchema: pageSchema(auditEventSchema, 'AuditPage'), description: 'One page.' })
  listAudit(@CurrentTenant() tenant: TenantId, @Query({ schema: auditQuerySchema }) query: AuditQuery) {
    return this.audit.list(tenant, query);
  }

  @Get('audit/verification')
  @RequireRole('viewer')
  @ApiOperation({
    summary: 'Check the audit trail',
    description: 'Computes the hash of every event anew, and names the first that does not fit.',
  })
  @ApiOkResponse({ standardSchema: auditVerificationSchema, description: 'What was found.' })
  verifyAudit(@CurrentTenant() tenant: TenantId, @Query({ schema: auditVerifyQuerySchema }) query: AuditVerifyQuery) {
    return this.audit.verify(tenant, query);
  }

  @Get('platform-audit')
  @RequireRole('operator')
  @ApiOperation({ summary: 'List what operators changed, and what was denied to people and keys of no tenant' })
  @ApiOkResponse({ standardSchema: pageSchema(auditEventSchema, 'AuditPage'), description: 'One page.' })
  listPlatformAudit(@Query({ schema: auditQuerySchema }) query: AuditQuery) {
    return this.audit.list(platformChain, query);
  }

  @Get('platform-audit/verification')
  @RequireRole('operator')
  @ApiOperation({ summary: 'Check the platform’s audit trail', description: 'As for a tenant.' })
  @ApiOkResponse({ standardSchema: auditVerificationSchema, description: 'What was found.' })
  verifyPlatformAudit(@Query({ schema: auditVerifyQuerySchema }) query: AuditVerifyQuery) {
    return this.audit.verify(platformChain, query);
  }
}
