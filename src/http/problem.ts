// From whatever was thrown to the answer's body and headers.
import { errorCodes, type Problem } from '@berth/contract';
import { HttpException } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isDatabaseUnavailable } from '../db/unavailable.js';
import { ApiError } from '../errors.js';

export const bodyLimit = { bytes: 1024 * 1024, text: '1 MiB' } as const;
const defaultRetryAfterSeconds = 2;

export function sendProblem(reply: FastifyReply, error: ApiError, requestId: string): void {
  const retryAfter = retryAfterOf(error);
  if (retryAfter !== null && !reply.hasHeader('retry-after')) reply.header('retry-after', retryAfter);
  if (error.status === 401) reply.header('www-authenticate', 'Bearer');
  reply
    .status(error.status)
    .header('content-type', 'application/json; charset=utf-8')
    .send(JSON.stringify(problemOf(error, requestId)));
}

export function problemOf({ code, message, field }: ApiError, requestId: string): Problem {
  return { code, message, ...(field ? { field } : {}), requestId };
}

/** Seconds for the header Retry-After; null for what can't succeed later either. */
export function retryAfterOf({ code, retryAfterSeconds }: ApiError): number | null {
  return errorCodes[code].retry ? (retryAfterSeconds ?? defaultRetryAfterSeconds) : null;
}

/** What our own code means by an error, or null if it does not know it. */
export function knownError(thrown: unknown): ApiError | null {
  if (thrown instanceof ApiError) return thrown;
  return isDatabaseUnavailable(thrown) ? new ApiError('unavailable', { what: 'its database' }, { cause: thrown }) : null;
}

export function toApiError(thrown: unknown, request: FastifyRequest): ApiError {
  const known = knownError(thrown);
  if (known) return known;
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
