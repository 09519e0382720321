// Checks every body and query against the schema that its parameter names. What fails is a 422 with the field.
import { type ArgumentMetadata, StandardSchemaValidationPipe } from '@nestjs/common';
import type { z } from 'zod';
import { notFound } from '../errors.js';
import { isStorable, madeStorable } from '../storable-text.js';
import { invalidRequest, requireStorable } from './invalid-request.js';

export class ValidationPipe extends StandardSchemaValidationPipe {
  constructor() {
    super({ exceptionFactory: (issues) => invalidRequest(issues as readonly z.core.$ZodIssue[]) });
  }

  override async transform<T>(value: T, metadata: ArgumentMetadata): Promise<T> {
    if (metadata.type === 'body' || metadata.type === 'query') requireStorable(value);
    // Nothing has a name that can't be kept.
    if (metadata.type === 'param' && typeof value === 'string' && !isStorable(value))
      throw notFound(metadata.data ?? 'object', madeStorable(value));
    return super.transform(value, metadata);
  }
}
