import {
  changePasswordSchema,
  type Login,
  loginSchema,
  pageSchema,
  type StartedSession,
  sessionSchema,
  startedSessionSchema,
  switchSessionSchema,
} from '@berth/contract';
import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Patch, Post, Put, Req, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { AnyRole, Audited, type Caller, CurrentCaller, Public } from './caller.js';
import { type AuditedRequest, RequestTrail } from './request-trail.service.js';
import { SessionCookie } from './session-cookie.service.js';
import { Sessions } from './sessions.service.js';

@ApiTags('accounts')
@Controller('v1')
export class SessionsController {
  constructor(
    @Inject(Sessions) private readonly sessions: Sessions,
    @Inject(SessionCookie) private readonly cookie: SessionCookie,
    @Inject(RequestTrail) private readonly trail: RequestTrail,
  ) {}

  @Post('sessions')
  @Public()
  @Audited('email', 'tenant', 'transport')
  @ApiOperation({
    summary: 'Sign in with e-mail address and password',
    description: 'For pages the session is in a cookie; programs ask for `"transport": "bearer"`, and get a token.',
  })
  @ApiCreatedResponse({ standardSchema: startedSessionSchema, description: 'The session.' })
  async createSession(
    @Req() request: FastifyRequest & AuditedRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Body({ schema: loginSchema }) body: Login,
  ): Promise<StartedSession> {
    if (body.transport === 'cookie') this.cookie.requireOwnPage(request.headers);
    const { session, token, user, tenantId } = await this.sessions.login(body, fromOf(request));
    this.trail.tell(request, { kind: 'user', id: user.id, name: user.email }, tenantId);
    if (body.transport === 'bearer') return { ...session, token };
    this.cookie.set(reply, token);
    return { ...session, token: null };
  }

  @Get('sessions')
  @AnyRole()
  @ApiOperation({ summary: 'List one’s own sessions, newest first' })
  @ApiOkResponse({ standardSchema: pageSchema(sessionSchema, 'SessionPage'), description: 'All of them, in one page.' })
  async listSessions(@CurrentCaller() caller: Caller) {
    return { items: await this.sessions.list(caller), nextCursor: null };
  }

  @Patch('sessions/current')
  @AnyRole()
  @Audited('tenant')
  @ApiOperation({ summary: 'Act for another tenant', description: 'With the role that one has there.' })
  @ApiOkResponse({ standardSchema: startedSessionSchema, description: 'The session.' })
  async switchSession(
    @CurrentCaller() caller: Caller,
    @Body({ schema: switchSessionSchema }) { tenant }: z.output<typeof switchSessionSchema>,
  ): Promise<StartedSession> {
    return { ...(await this.sessions.switchTo(caller, tenant)), token: null };
  }

  @Delete('sessions/:sessionId')
  @AnyRole()
  @ApiOperation({ summary: 'End one of one’s own sessions', description: '`current` signs out.' })
  @ApiOkResponse({ standardSchema: sessionSchema, description: 'The session that was ended.' })
  async deleteSession(@CurrentCaller() caller: Caller, @Param('sessionId') id: string, @Res({ passthrough: true }) reply: FastifyReply) {
    const ended = await this.sessions.end(caller, id);
    if (ended.current) this.cookie.clear(reply);
    return ended;
  }

  @Put('password')
  @HttpCode(204)
  @AnyRole()
  @ApiOperation({ summary: 'Change one’s own password', description: 'Ends one’s other sessions.' })
  @ApiNoContentResponse({ description: 'It is changed.' })
  async changePassword(
    @CurrentCaller() caller: Caller,
    @Req() { ip }: FastifyRequest,
    @Body({ schema: changePasswordSchema }) { current, next }: z.output<typeof changePasswordSchema>,
  ): Promise<void> {
    await this.sessions.changePassword(caller, current, next, ip);
  }
}

export function fromOf({ ip, headers }: FastifyRequest): { ip: string; userAgent: string } {
  return { ip, userAgent: headers['user-agent'] ?? '' };
}
