// The cookie that holds a session's token: out of reach of scripts, and not sent along with what other sites' pages do.
import { oidcLoginQuerySchema, sessionLimits } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { cookieOf, secureSessionCookie, sessionCookie } from './credential.js';
import type { OidcFlow } from './oidc.service.js';
import { OwnPages } from './own-pages.service.js';

/** The cookie comes from outside: where it leads to is checked again. */
const flowSchema = z.strictObject({
  state: z.string(),
  nonce: z.string(),
  verifier: z.string(),
  returnTo: oidcLoginQuerySchema.shape.returnTo,
});
const flowCookie = 'berth_sign_in';
const flowSeconds = 600;

@Injectable()
export class SessionCookie {
  constructor(@Inject(OwnPages) private readonly pages: OwnPages) {}

  /** Else another site could sign its visitors in as somebody else (login CSRF). @throws ApiError bad_origin */
  requireOwnPage(headers: FastifyRequest['headers']): void {
    this.pages.require({ transport: 'cookie', token: '' }, headers);
  }

  set(reply: FastifyReply, token: string): void {
    this.send(reply, `${this.name}=${token}`, sessionLimits.seconds);
  }

  clear(reply: FastifyReply): void {
    this.send(reply, `${this.name}=`, 0);
  }

  /** What has to come back with the same browser from the identity provider. */
  setFlow(reply: FastifyReply, flow: OidcFlow): void {
    this.send(reply, `${flowCookie}=${Buffer.from(JSON.stringify(flow)).toString('base64url')}`, flowSeconds);
  }

  /** It counts once. @returns null when there is none, or it is not one of ours. */
  takeFlow(request: FastifyRequest, reply: FastifyReply): OidcFlow | null {
    const text = cookieOf(request.headers.cookie ?? '', flowCookie);
    this.send(reply, `${flowCookie}=`, 0);
    try {
      return text === null ? null : flowSchema.parse(JSON.parse(Buffer.from(text, 'base64url').toString()));
    } catch {
      return null;
    }
  }

  private get name(): string {
    return this.pages.secure ? secureSessionCookie : sessionCookie;
  }

  private send(reply: FastifyReply, pair: string, maxAgeSeconds: number): void {
    const attributes = ['Path=/', 'HttpOnly', 'SameSite=Lax', `Max-Age=${maxAgeSeconds}`, ...(this.pages.secure ? ['Secure'] : [])];
    // Fastify gathers several of this name.
    reply.header('set-cookie', [pair, ...attributes].join('; ')).header('cache-control', 'no-store');
  }
}
