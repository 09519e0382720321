import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatImageRef, parseImageRef } from './image-ref.js';

const digest = `sha256:${'a'.repeat(64)}`;

describe('parseImageRef', () => {
  test.each([
    ['busybox', { registry: 'r:1', repository: 'busybox', tag: 'latest', digest: null }],
    ['team/api:1.4', { registry: 'r:1', repository: 'team/api', tag: '1.4', digest: null }],
    ['localhost/api', { registry: 'localhost', repository: 'api', tag: 'latest', digest: null }],
    ['registry.example.com:5000/a/b:v1', { registry: 'registry.example.com:5000', repository: 'a/b', tag: 'v1', digest: null }],
    [`busybox@${digest}`, { registry: 'r:1', repository: 'busybox', tag: null, digest }],
    [`busybox:1@${digest}`, { registry: 'r:1', repository: 'busybox', tag: '1', digest }],
  ])('%s', (text, expected) => expect(parseImageRef(text, 'r:1')).toEqual(expected));

  test.each([
    '',
    'Busybox',
    'a//b',
    '/a',
    'a/',
    'a:',
    'a:b:c',
    `a@${digest}@${digest}`,
    'a@sha256:abc',
    '../a',
    'a b',
    'a\0',
    'x'.repeat(501),
    '-r.io/a',
  ])('refuses %j', (text) => expect(parseImageRef(text, 'r:1')).toBeNull());

  test('a formatted reference means the same when it is read again', () => {
    const name = fc.stringMatching(/^[a-z0-9]{1,8}(\/[a-z0-9]{1,8}){0,2}$/);
    const tag = fc.option(fc.stringMatching(/^[a-z0-9][a-z0-9.-]{0,10}$/));
    fc.assert(
      fc.property(name, tag, fc.boolean(), (repository, tagText, pinned) => {
        const text = `r.io/${repository}${tagText ? `:${tagText}` : ''}${pinned ? `@${digest}` : ''}`;
        const ref = parseImageRef(text, 'other');
        expect(ref).not.toBeNull();
        if (!ref) return;
        const again = parseImageRef(formatImageRef(ref), 'other');
        expect(again).toEqual(pinned ? { ...ref, tag: null } : ref);
      }),
    );
  });
});
