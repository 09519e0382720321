// Decides about every request before anything else does: who calls, how often, and whether they may.
import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { ApiError } from '../errors.js';
import { bearerOf } from './api-key.js';
import { Authenticator } from './authenticator.service.js';
import { publicRoute, requiredRole, type WithCaller } from './caller.js';
import { RequestLimit } from './request-limit.service.js';
import { mayCall, type RequiredRole } from './roles.js';

@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    @Inject(Reflector) private readonly reflector: Reflector,
    @Inject(Authenticator) private readonly authenticator: Authenticator,
    @Inject(RequestLimit) private readonly limit: RequestLimit,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const targets = [context.getHandler(), context.getClass()];
    if (this.reflector.getAllAndOverride<boolean>(publicRoute, targets)) return true;
    const request = context.switchToHttp().getRequest<FastifyRequest & WithCaller>();
    const key = bearerOf(request.headers.authorization);
    const caller = key === null ? null : await this.authenticator.callerOf(key);
    // Guessing keys is hopeless, but each guess costs a query.
    await this.limit.spend(caller ? `key:${caller.keyId}` : `ip:${request.ip}`);
    if (!caller) throw new ApiError('unauthenticated');
    const role = this.reflector.getAllAndOverride<RequiredRole | undefined>(requiredRole, targets);
    if (!role || !mayCall(role, caller.role)) throw new ApiError('forbidden', { action: action(request), role: role ?? 'operator' });
    request.caller = caller;
    return true;
  }
}

function action(request: FastifyRequest): string {
  return `${request.method} ${request.routeOptions.url ?? ''}`;
}
