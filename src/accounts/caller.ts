// Who is calling, as the guard found out, and how a controller says who may.
import type { Role, TenantId, UserId } from '@berth/contract';
import { applyDecorators, createParamDecorator, type ExecutionContext, SetMetadata } from '@nestjs/common';
import { ApiExtension } from '@nestjs/swagger';

export interface Caller {
  /** Null for the operator, who acts for the platform and within no tenant. */
  readonly tenantId: TenantId | null;
  /** Id of the API key, or of the user's session; `operator` for the operator's key. */
  readonly keyId: string;
  readonly role: Role;
  /** Null: all that the role may. */
  readonly scopes: readonly string[] | null;
  /** The key's name, or the user's e-mail address. */
  readonly name: string;
  /** Null for a key. */
  readonly userId: UserId | null;
  /**
   * Under whose name work is kept and its costs are: the user's id, or else that of the key, of the first one where it was
   * rotated: costs and budgets go on.
   */
  readonly submitter: string;
  readonly expiresAt: Date | null;
  /** The tenant's quota of requests a second; null: none. */
  readonly requestsPerSecond: number | null;
}

/** What the guard leaves on the request. */
export interface WithCaller {
  caller?: Caller;
}

export const requiredRole = 'berth:required-role';
export const publicRoute = 'berth:public';
export const auditedRoute = 'berth:audited';

/**
 * The least role that may call this route. `viewer` < `developer` < `owner` within a tenant; `operator` stands apart:
 * an operator's key opens only operator routes, and no tenant's key opens those. A route with neither this nor
 * `@Public()` is refused to everybody. The rules are in abilities.ts.
 */
export const RequireRole = (role: Role) => applyDecorators(SetMetadata(requiredRole, role), ApiExtension('x-required-role', role));

/** For whoever has a valid key, the operator included. */
export const AnyRole = () => applyDecorators(SetMetadata(requiredRole, 'any'), ApiExtension('x-required-role', 'any'));

/** Open to everybody, without a key. */
export const Public = () => applyDecorators(SetMetadata(publicRoute, true), ApiExtension('x-public', true));

/**
 * Every change is in the audit trail. With this, so are these fields of its body; and so is a GET.
 * @param fields never secrets: they are kept, and shown to the tenant.
 */
export const Audited = (...fields: readonly string[]) => SetMetadata(auditedRoute, fields);

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
