import { describe, expect, it } from 'vitest';
import { bearerOf, formatApiKey, hashApiKey, isApiKey } from './api-key.js';
import { mayCall } from './roles.js';

describe('API keys', () => {
  it('have the form that is recognised, whatever the random bytes', () => {
    for (const byte of [0, 63, 250, 255]) {
      const { key, prefix } = formatApiKey(Buffer.alloc(36, byte));
      expect(isApiKey(key)).toBe(true);
      expect(key.startsWith(`berth_${prefix}_`)).toBe(true);
    }
    expect(formatApiKey(Buffer.alloc(36, 1)).key).not.toBe(formatApiKey(Buffer.alloc(36, 2)).key);
    expect(hashApiKey('x')).toHaveLength(32);
  });

  it.each(['', 'berth_', 'berth_00000000_short', `Berth_00000000_${'A'.repeat(43)}`, `berth_00000000_${'A'.repeat(44)}`])(
    '%s is none',
    (text) => {
      expect(isApiKey(text)).toBe(false);
    },
  );

  it.each([
    ['Bearer abc', 'abc'],
    ['bearer  abc ', 'abc'],
    ['Bearer', null],
    ['Bearer a b', null],
    ['Basic abc', null],
    [`Bearer ${'x'.repeat(513)}`, null],
    [undefined, null],
  ])('the header %s carries %s', (header, key) => {
    expect(bearerOf(header)).toBe(key);
  });
});

it.each([
  ['viewer', ['viewer', 'developer', 'owner']],
  ['developer', ['developer', 'owner']],
  ['owner', ['owner']],
  ['operator', ['operator']],
  ['any', ['viewer', 'developer', 'owner', 'operator']],
] as const)('a route for %s is open to %j and nobody else', (required, allowed) => {
  const roles = ['viewer', 'developer', 'owner', 'operator'] as const;
  expect(roles.filter((role) => mayCall(required, role))).toEqual(allowed);
});
