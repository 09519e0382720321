// Checks every body and query against the schema that its parameter names. What fails is a 422 with the field.
import { type ArgumentMetadata, StandardSchemaValidationPipe } from '@nestjs/common';
import type { z } from 'zod';
import { ApiError } from '../errors.js';
import { describeIssue, findUnstorableText } from './invalid-request.js';

export class ValidationPipe extends StandardSchemaValidationPipe {
  constructor() {
    super({ exceptionFactory: (issues) => invalidRequest(issues as readonly z.core.$ZodIssue[]) });
  }

  override async transform<T>(value: T, metadata: ArgumentMetadata): Promise<T> {
    if (metadata.type === 'body' || metadata.type === 'query') {
      const path = findUnstorableText(value);
      if (path)
        throw new ApiError(
          'invalid_request',
          { detail: 'The request must not contain NUL or broken characters.' },
          { field: path.join('.') },
        );
    }
    return super.transform(value, metadata);
  }
}

function invalidRequest(issues: readonly z.core.$ZodIssue[]): ApiError {
  const first = issues[0];
  const { field, detail } = first ? describeIssue(first) : { field: undefined, detail: 'The request is not valid.' };
  return new ApiError('invalid_request', { detail }, { field });
}
