// Turns the first problem that a schema found into one sentence and one field path, in words a person can act on.
import type { z } from 'zod';
import { ApiError } from '../errors.js';
import { isStorable } from '../storable-text.js';

type Issue = z.core.$ZodIssue;

export interface Complaint {
  /** Dotted path; absent when the whole body is at fault. */
  readonly field?: string;
  readonly detail: string;
}

/** Paths can be as long as the request; what is repeated back is not. */
const maxFieldLength = 200;

export function describeIssue(issue: Issue): Complaint {
  const key = issue.code === 'unrecognized_keys' ? [issue.keys[0] ?? ''] : [];
  const field = [...issue.path, ...key].map(String).join('.').slice(0, maxFieldLength);
  if (field === '')
    return { detail: issue.code === 'invalid_type' ? 'Send a JSON object as the body.' : sentence(`The body ${phrase(issue)}`) };
  return { field, detail: sentence(`${field} ${phrase(issue)}`) };
}

function phrase(issue: Issue): string {
  switch (issue.code) {
    case 'unrecognized_keys':
      return 'is not a field here; check its spelling';
    case 'invalid_type':
      return issue.message.endsWith('received undefined') ? 'is missing' : `must be ${article(issue.expected)}`;
    case 'too_small':
      return `must ${bound(issue.origin, `at least ${issue.minimum}`)}`;
    case 'too_big':
      return `must ${bound(issue.origin, `at most ${issue.maximum}`)}`;
    case 'invalid_value':
      return `must be one of ${issue.values.join(', ')}`;
    case 'invalid_key':
      return `has a name that ${issue.issues[0] ? phrase(issue.issues[0]) : 'is not allowed'}`;
    case 'invalid_format':
      return issue.format === 'datetime' ? 'must be a time such as 2026-01-31T12:00:00Z' : issue.message;
    default:
      return issue.message;
  }
}

function bound(origin: string, limit: string): string {
  if (origin === 'string') return `have ${limit} characters`;
  return origin === 'array' || origin === 'record' ? `have ${limit} entries` : `be ${limit}`;
}

function article(expected: string): string {
  const names: Record<string, string> = { int: 'a whole number', array: 'a list', record: 'an object', boolean: 'true or false' };
  return names[expected] ?? `${/^[aeiou]/.test(expected) ? 'an' : 'a'} ${expected}`;
}

function sentence(text: string): string {
  return text.endsWith('.') ? text : `${text}.`;
}

/**
 * Where in a request there is text that PostgreSQL cannot store: NUL, or half of a surrogate pair.
 * @returns the path of the first, null if there is none.
 */
export function findUnstorableText(value: unknown, path: readonly string[] = []): readonly string[] | null {
  if (typeof value === 'string') return isStorable(value) ? null : path;
  if (typeof value !== 'object' || value === null) return null;
  for (const [key, inner] of Object.entries(value)) {
    if (!isStorable(key)) return path;
    const found = findUnstorableText(inner, [...path, key]);
    if (found) return found;
  }
  return null;
}

/** @throws ApiError invalid_request with the field. */
export function requireStorable(value: unknown): void {
  const path = findUnstorableText(value);
  if (path)
    throw new ApiError('invalid_request', { detail: 'The request must not contain NUL or broken characters.' }, { field: path.join('.') });
}

/** From the first of the problems that a schema found. */
export function invalidRequest([first]: readonly Issue[]): ApiError {
  const { field, detail } = first ? describeIssue(first) : { field: undefined, detail: 'The request is not valid.' };
  return new ApiError('invalid_request', { detail }, { field });
}
