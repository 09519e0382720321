// The error that the API answers with. Everything a user can do wrong is one of the contract's codes.
import { type ErrorCode, errorCodes, errorMessage } from '@berth/contract';

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
