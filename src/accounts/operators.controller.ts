import { createdInvitationSchema, inviteOperatorSchema, memberSchema, pageSchema } from '@berth/contract';
import { Body, Controller, Delete, Get, Inject, Param, Post } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { z } from 'zod';
import { Audited, type Caller, CurrentCaller, RequireRole } from './caller.js';
import { Users } from './users.service.js';

@ApiTags('operator')
@RequireRole('operator')
@Controller('v1/operators')
export class OperatorsController {
  constructor(@Inject(Users) private readonly users: Users) {}

  @Get()
  @ApiOperation({ summary: 'List the users who are operators' })
  @ApiOkResponse({ standardSchema: pageSchema(memberSchema, 'UserPage'), description: 'All of them, in one page.' })
  async listOperators() {
    return { items: await this.users.listOperators(), nextCursor: null };
  }

  @Post('invitations')
  @Audited('email')
  @ApiOperation({ summary: 'Invite somebody to be an operator' })
  @ApiCreatedResponse({ standardSchema: createdInvitationSchema, description: 'The invitation, with its token.' })
  inviteOperator(@CurrentCaller() caller: Caller, @Body({ schema: inviteOperatorSchema }) body: z.output<typeof inviteOperatorSchema>) {
    return this.users.invite(null, caller, { ...body, role: 'operator' });
  }

  @Delete(':userId')
  @ApiOperation({ summary: 'Make a user an operator no more', description: 'It counts within 5 s. The operator’s key works always.' })
  @ApiOkResponse({ standardSchema: memberSchema, description: 'The user.' })
  removeOperator(@Param('userId') id: string) {
    return this.users.removeOperator(id);
  }
}
