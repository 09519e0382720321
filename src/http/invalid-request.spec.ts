import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { describeIssue, findUnstorableText } from './invalid-request.js';

const schema = z.strictObject({
  name: z.string().max(3),
  size: z.int().min(10).optional(),
  kind: z.enum(['a', 'b']).optional(),
  at: z.iso.datetime().optional(),
  list: z
    .array(z.strictObject({ image: z.string() }))
    .max(1)
    .optional(),
  tags: z.record(z.string().regex(/^[a-z]+$/, 'must be letters'), z.string()).optional(),
});

describe('describeIssue', () => {
  it.each([
    [{}, 'name', 'name is missing.'],
    [{ name: 1 }, 'name', 'name must be a string.'],
    [{ name: 'long' }, 'name', 'name must have at most 3 characters.'],
    [{ name: 'x', size: 1 }, 'size', 'size must be at least 10.'],
    [{ name: 'x', size: 10.5 }, 'size', 'size must be a whole number.'],
    [{ name: 'x', kind: 'c' }, 'kind', 'kind must be one of a, b.'],
    [{ name: 'x', at: 'today' }, 'at', 'at must be a time such as 2026-01-31T12:00:00Z.'],
    [{ name: 'x', list: [{ image: 1 }] }, 'list.0.image', 'list.0.image must be a string.'],
    [{ name: 'x', list: [{ image: 'a' }, { image: 'b' }] }, 'list', 'list must have at most 1 entries.'],
    [{ name: 'x', list: [{ image: 'a', imag: 'b' }] }, 'list.0.imag', 'list.0.imag is not a field here; check its spelling.'],
    [{ name: 'x', tags: { A1: 'b' } }, 'tags.A1', 'tags.A1 has a name that must be letters.'],
    [null, undefined, 'Send a JSON object as the body.'],
  ])('%j', (value, field, detail) => {
    const issue = schema.safeParse(value).error?.issues[0];
    if (!issue) throw new Error('it is valid');
    expect(describeIssue(issue)).toEqual(field === undefined ? { detail } : { field, detail });
  });

  it('repeats no more than a part of a long name', () => {
    const issue = schema.safeParse({ name: 'x', ['y'.repeat(10_000)]: 1 }).error?.issues[0];
    expect(issue && describeIssue(issue).field).toHaveLength(200);
  });
});

describe('findUnstorableText', () => {
  it.each([
    [{ a: { b: ['x', 'y\0'] } }, ['a', 'b', '1']],
    [{ a: '\ud83d' }, ['a']],
    [{ a: { 'k\0': 1 } }, ['a']],
    ['\0', []],
    [{ a: '😀 text\n', b: [1, null, true] }, null],
    [undefined, null],
  ])('%j', (value, path) => {
    expect(findUnstorableText(value)).toEqual(path);
  });
});
