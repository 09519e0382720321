// Decides about every request before anything else does: who calls, how often, and whether they may. Writes down what is
// going to be changed, and what is refused.
import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiError } from '../errors.js';
import { type RequiredRole, refusalOf } from './abilities.js';
import { Authenticator } from './authenticator.service.js';
import { auditedRoute, type Caller, publicRoute, requiredRole, type WithCaller } from './caller.js';
import { credentialOf } from './credential.js';
import { OwnPages } from './own-pages.service.js';
import { RequestLimit } from './request-limit.service.js';
import { type AuditedRequest, RequestTrail } from './request-trail.service.js';

@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    @Inject(Reflector) private readonly reflector: Reflector,
    @Inject(Authenticator) private readonly authenticator: Authenticator,
    @Inject(RequestLimit) private readonly limit: RequestLimit,
    @Inject(OwnPages) private readonly pages: OwnPages,
    @Inject(RequestTrail) private readonly trail: RequestTrail,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const targets = [context.getHandler(), context.getClass()];
    const request = context.switchToHttp().getRequest<FastifyRequest & WithCaller & AuditedRequest>();
    const isPublic = this.reflector.getAllAndOverride<boolean>(publicRoute, targets) ?? false;
    const fields = this.reflector.getAllAndOverride<readonly string[] | undefined>(auditedRoute, targets);
    const changes = !['GET', 'HEAD'].includes(request.method);
    const action = context.getHandler().name;
    if (isPublic && !changes && !fields) return true;
    if (isPublic) await this.limit.spend(null, request.ip);
    else request.caller = await this.admit(request, action, changes, this.reflector.getAllAndOverride(requiredRole, targets));
    if (changes || fields) {
      const reply = context.switchToHttp().getResponse<FastifyReply>();
      await this.trail.begin(request, reply, request.caller ?? null, action, fields ?? []);
    }
    return true;
  }

  private async admit(request: FastifyRequest, action: string, changes: boolean, required: RequiredRole | undefined): Promise<Caller> {
    const credential = credentialOf(request.headers);
    const caller = credential && (await this.authenticator.callerOf(credential));
    await this.limit.spend(caller, request.ip);
    try {
      if (!caller) throw new ApiError('unauthenticated');
      if (changes && credential) this.pages.require(credential, request.headers);
      requireAbility(caller, required ?? null, request.method, request.routeOptions.url ?? '');
      return caller;
    } catch (refusal) {
      this.trail.deny(request, caller, action, refusal);
      throw refusal;
    }
  }
}

/** @param required null: a route that says nothing is nobody's. @throws ApiError forbidden, out_of_scope */
export function requireAbility(caller: Caller, required: RequiredRole | null, verb: string, path: string): void {
  const action = `${verb} ${path}`.slice(0, 200);
  if (required === null) throw new ApiError('forbidden', { action, role: 'operator' });
  const refusal = refusalOf(caller, required, path);
  if (refusal === null) return;
  if ('role' in refusal) throw new ApiError('forbidden', { action, role: refusal.role });
  throw new ApiError('out_of_scope', { action, scope: refusal.scope, scopes: (caller.scopes ?? []).join(', ') });
}
