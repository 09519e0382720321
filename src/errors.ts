// The error that the API answers with. Everything a user can do wrong is one of the contract's codes.
import { type ErrorCode, errorCodes, errorMessage } from '@berth/contract';

/** An id of ours has 36 characters; of what else somebody sends, so much is repeated back. */
const repeatedBack = 64;

export class ApiError extends Error {
  readonly status: number;
  /** Path of the field at fault, dotted: `containers.0.image`. */
  readonly field: string | undefined;
  /** For the header Retry-After, where the error knows better than the default. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    readonly code: ErrorCode,
    values: Readonly<Record<string, string | number>> = {},
    options: { field?: string; cause?: unknown; retryAfterSeconds?: number } = {},
  ) {
    super(errorMessage(code, values), { cause: options.cause });
    this.name = 'ApiError';
    this.status = errorCodes[code].status;
    this.field = options.field;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/**
 * There is no such thing, or it is another tenant's.
 * @param maxLength of what is repeated back: names may be longer than ids.
 */
export function notFound(what: string, id: string, maxLength = repeatedBack): ApiError {
  return new ApiError('not_found', { what, id: id.slice(0, maxLength) });
}
