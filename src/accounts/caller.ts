// Who is calling, as the guard found out from the API key, and how a controller says who may.
import type { Role, TenantId } from '@berth/contract';
import { applyDecorators, createParamDecorator, type ExecutionContext, SetMetadata } from '@nestjs/common';
import { ApiExtension } from '@nestjs/swagger';

export interface Caller {
  /** Null for the operator, who acts for the platform and within no tenant. */
  readonly tenantId: TenantId | null;
  /** Id of the API key; `operator` for the operator's key. */
  readonly keyId: string;
  readonly role: Role;
}

/** What the guard leaves on the request. */
export interface WithCaller {
  caller?: Caller;
}

export const requiredRole = 'berth:required-role';
export const publicRoute = 'berth:public';

/**
 * The least role that may call this route. `viewer` < `developer` < `owner` within a tenant; `operator` stands apart:
 * an operator's key opens only operator routes, and no tenant's key opens those. A route with neither this nor
 * `@Public()` is refused to everybody.
 */
export const RequireRole = (role: Role) => applyDecorators(SetMetadata(requiredRole, role), ApiExtension('x-required-role', role));

/** For whoever has a valid key, the operator included. */
export const AnyRole = () => applyDecorators(SetMetadata(requiredRole, 'any'), ApiExtension('x-required-role', 'any'));

/** Open to everybody, without a key. */
export const Public = () => SetMetadata(publicRoute, true);

export const CurrentCaller = createParamDecorator((_: unknown, context: ExecutionContext): Caller => {
  const { caller } = context.switchToHttp().getRequest<WithCaller>();
  if (!caller) throw new Error('CurrentCaller on a route without RequireRole');
  return caller;
});

/** The tenant on whose behalf the request is made. Only for routes of tenants' roles. */
export const CurrentTenant = createParamDecorator((_: unknown, context: ExecutionContext): TenantId => {
  const { caller } = context.switchToHttp().getRequest<WithCaller>();
  if (!caller?.tenantId) throw new Error('CurrentTenant on a route that is not for tenants');
  return caller.tenantId;
});
