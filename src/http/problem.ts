// From whatever was thrown to the answer's body and headers.
import { errorCodes, type Problem } from '@berth/contract';
import { HttpException } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isDatabaseUnavailable } from '../db/unavailable.js';
import { ApiError } from '../errors.js';

export const bodyLimit = { bytes: 1024 * 1024, text: '1 MiB' } as const;
const retryAfterSeconds = 2;

export function sendProblem(reply: FastifyReply, error: ApiError, requestId: string): void {
  const body: Problem = { code: error.code, message: error.message, ...(error.field ? { field: error.field } : {}), requestId };
  if (errorCodes[error.code].retry && !reply.hasHeader('retry-after'))
    reply.header('retry-after', error.retryAfterSeconds ?? retryAfterSeconds);
  if (error.status === 401) reply.header('www-authenticate', 'Bearer');
  reply.status(error.status).header('content-type', 'application/json; charset=utf-8').send(JSON.stringify(body));
}

export function toApiError(thrown: unknown, request: FastifyRequest): ApiError {
  if (thrown instanceof ApiError) return thrown;
  if (isDatabaseUnavailable(thrown)) return new ApiError('unavailable', { what: 'its database' }, { cause: thrown });
  // Our own code throws ApiError only: what else has a status is Fastify's or Nest's, from before a controller.
  switch (statusOf(thrown)) {
    case 404:
      return new ApiError('route_not_found', { method: request.method, path: pathOf(request.url) });
    case 413:
      return new ApiError('body_too_large', { limit: bodyLimit.text });
    case 415:
      return new ApiError('unsupported_media_type');
    case 400:
      return new ApiError('invalid_request', { detail: `The request could not be read: ${(thrown as Error).message}` });
    default:
      return new ApiError('internal', {}, { cause: thrown });
  }
}

function statusOf(thrown: unknown): number | undefined {
  if (thrown instanceof HttpException) return thrown.getStatus();
  const { statusCode } = Object(thrown) as { statusCode?: unknown };
  return typeof statusCode === 'number' ? statusCode : undefined;
}

/** Repeated back to the caller, so bounded. */
export function pathOf(url: string): string {
  return (url.split('?')[0] ?? '').slice(0, 200);
}
