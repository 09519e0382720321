import { oidcCallbackQuerySchema, oidcLoginQuerySchema } from '@berth/contract';
import { Controller, Get, Inject, Query, Req, Res } from '@nestjs/common';
import { ApiFoundResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { Audited, Public } from './caller.js';
import { Oidc } from './oidc.service.js';
import { OidcSignIn } from './oidc-sign-in.service.js';
import { type AuditedRequest, RequestTrail } from './request-trail.service.js';
import { SessionCookie } from './session-cookie.service.js';
import { fromOf } from './sessions.controller.js';

@ApiTags('accounts')
@Public()
@Controller('v1/oidc')
export class OidcController {
  constructor(
    @Inject(Oidc) private readonly oidc: Oidc,
    @Inject(OidcSignIn) private readonly signIn: OidcSignIn,
    @Inject(SessionCookie) private readonly cookie: SessionCookie,
    @Inject(RequestTrail) private readonly trail: RequestTrail,
  ) {}

  @Get('login')
  @ApiOperation({ summary: 'Sign in with the identity provider', description: 'For browsers: leads there, and back to `returnTo`.' })
  @ApiFoundResponse({ description: 'To the identity provider.' })
  async startOidcLogin(
    @Query({ schema: oidcLoginQuerySchema }) { returnTo }: z.output<typeof oidcLoginQuerySchema>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    const { url, flow } = await this.oidc.begin(returnTo);
    this.cookie.setFlow(reply, flow);
    reply.status(302).header('location', url.href);
  }

  @Get('callback')
  @Audited()
  @ApiOperation({ summary: 'Where the identity provider leads back to' })
  @ApiFoundResponse({ description: 'Signed in; to `returnTo`.' })
  async finishOidcLogin(
    @Req() request: FastifyRequest & AuditedRequest,
    @Query({ schema: oidcCallbackQuerySchema }) query: z.output<typeof oidcCallbackQuerySchema>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    const flow = this.cookie.takeFlow(request, reply);
    const { person, returnTo } = await this.oidc.finish(query, flow);
    const { token, user, tenantId } = await this.signIn.start(person, fromOf(request));
    this.trail.tell(request, { kind: 'user', id: user.id, name: user.email }, tenantId);
    this.cookie.set(reply, token);
    reply.status(302).header('location', returnTo);
  }
}
