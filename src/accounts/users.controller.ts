import {
  type AcceptInvitation,
  acceptInvitationSchema,
  type CreateInvitation,
  createdInvitationSchema,
  createInvitationSchema,
  invitationSchema,
  memberSchema,
  type PageQuery,
  pageQuerySchema,
  pageSchema,
  type TenantId,
  updateMemberSchema,
} from '@berth/contract';
import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Patch, Post, Query, Req } from '@nestjs/common';
import { ApiConflictResponse, ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { Audited, type Caller, CurrentCaller, CurrentTenant, Public, RequireRole } from './caller.js';
import { type AuditedRequest, RequestTrail } from './request-trail.service.js';
import { Users } from './users.service.js';

@ApiTags('accounts')
@Controller('v1')
export class UsersController {
  constructor(
    @Inject(Users) private readonly users: Users,
    @Inject(RequestTrail) private readonly trail: RequestTrail,
  ) {}

  @Get('users')
  @RequireRole('viewer')
  @ApiOperation({ summary: 'List the tenant’s users, by e-mail address' })
  @ApiOkResponse({ standardSchema: pageSchema(memberSchema, 'UserPage'), description: 'One page.' })
  listUsers(@CurrentTenant() tenant: TenantId, @Query({ schema: pageQuerySchema }) query: PageQuery) {
    return this.users.listMembers(tenant, query);
  }

  @Patch('users/:userId')
  @RequireRole('owner')
  @Audited('role')
  @ApiOperation({ summary: 'Give a user another role', description: 'In this tenant; it counts within 5 s.' })
  @ApiOkResponse({ standardSchema: memberSchema, description: 'The user.' })
  @ApiConflictResponse({ description: 'It is the last owner.' })
  updateUser(
    @CurrentTenant() tenant: TenantId,
    @Param('userId') id: string,
    @Body({ schema: updateMemberSchema }) { role }: z.output<typeof updateMemberSchema>,
  ) {
    return this.users.setRole(tenant, id, role);
  }

  @Delete('users/:userId')
  @RequireRole('owner')
  @ApiOperation({
    summary: 'Take a user out of the tenant',
    description: 'Sessions in this tenant end within 5 s. API keys stay: see to them, too.',
  })
  @ApiOkResponse({ standardSchema: memberSchema, description: 'The user who was removed.' })
  @ApiConflictResponse({ description: 'It is the last owner.' })
  removeUser(@CurrentTenant() tenant: TenantId, @Param('userId') id: string) {
    return this.users.remove(tenant, id);
  }

  @Post('invitations')
  @RequireRole('owner')
  @Audited('email', 'role')
  @ApiOperation({
    summary: 'Invite somebody into the tenant',
    description: 'Hand the token to that person, by a way that reaches nobody else: whoever has it becomes a member.',
  })
  @ApiCreatedResponse({ standardSchema: createdInvitationSchema, description: 'The invitation, with its token.' })
  createInvitation(
    @CurrentTenant() tenant: TenantId,
    @CurrentCaller() caller: Caller,
    @Body({ schema: createInvitationSchema }) body: CreateInvitation,
  ) {
    return this.users.invite(tenant, caller, body);
  }

  @Get('invitations')
  @RequireRole('owner')
  @ApiOperation({ summary: 'List invitations, accepted ones too' })
  @ApiOkResponse({ standardSchema: pageSchema(invitationSchema, 'InvitationPage'), description: 'One page, oldest first.' })
  listInvitations(@CurrentTenant() tenant: TenantId, @Query({ schema: pageQuerySchema }) query: PageQuery) {
    return this.users.listInvitations(tenant, query);
  }

  @Delete('invitations/:invitationId')
  @RequireRole('owner')
  @ApiOperation({ summary: 'Withdraw an invitation that was not accepted yet' })
  @ApiOkResponse({ standardSchema: invitationSchema, description: 'The invitation that was withdrawn.' })
  withdrawInvitation(@CurrentTenant() tenant: TenantId, @Param('invitationId') id: string) {
    return this.users.withdraw(tenant, id);
  }

  @Post('invitations/accept')
  @HttpCode(204)
  @Public()
  @ApiOperation({ summary: 'Accept an invitation', description: 'Then sign in with POST /v1/sessions.' })
  @ApiNoContentResponse({ description: 'The holder of the token is a member.' })
  async acceptInvitation(
    @Req() request: FastifyRequest & AuditedRequest,
    @Body({ schema: acceptInvitationSchema }) body: AcceptInvitation,
  ): Promise<void> {
    const { user, invitation } = await this.users.accept(body, request.ip);
    this.trail.tell(request, { kind: 'user', id: user.id, name: user.email }, invitation.tenantId);
  }
}
