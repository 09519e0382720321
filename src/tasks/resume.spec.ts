import { expect, it } from 'vitest';
import { resumeFrom } from './resume.js';

it.each([
  [undefined, '2026-01-01T00:00:00Z', { since: '2026-01-01T00:00:00Z', after: null }],
  ['2026-01-01T00:00:01.123456789+00:00', undefined, { since: '2026-01-01T00:00:01.123Z', after: '2026-01-01T00:00:01.123456789+00:00' }],
  ['2026-01-01T00:00:01Z', '2025-01-01T00:00:00Z', { since: '2026-01-01T00:00:01.000Z', after: '2026-01-01T00:00:01Z' }],
  ['nonsense', undefined, { since: undefined, after: null }],
  ['2026-99-01T00:00:00Z', undefined, { since: undefined, after: null }],
])('resumes after %s with since %s', (lastEventId, since, expected) => {
  expect(resumeFrom(lastEventId, since)).toEqual(expected);
});
