// A query parameter that a route does not know is an error, so that `?stat=running` doesn't silently list everything.
// Routes with parameters check them by their schema; this is for those that take none.
import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/internal';
import { ApiError } from '../errors.js';

@Injectable()
export class QueryGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { query } = context.switchToHttp().getRequest<{ query?: Record<string, unknown> }>();
    const [unknown] = Object.keys(query ?? {});
    if (unknown === undefined || takesQuery(context)) return true;
    throw new ApiError('invalid_request', { detail: `${unknown} is not a query parameter here.` }, { field: unknown });
  }
}

/** Nest keeps a handler's arguments by `<type>:<index>`. */
function takesQuery(context: ExecutionContext): boolean {
  const args: object = Reflect.getMetadata(ROUTE_ARGS_METADATA, context.getClass(), context.getHandler().name) ?? {};
  return Object.keys(args).some((key) => key.startsWith(`${RouteParamtypes.QUERY}:`));
}
