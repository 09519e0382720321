import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isDeeperThan } from './json-depth.js';

const depthOf = (value: unknown): number =>
  typeof value !== 'object' || value === null ? 0 : 1 + Math.max(0, ...Object.values(value).map(depthOf));

it('agrees with the depth of the parsed value', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), fc.boolean(), (value, pretty) => {
      const text = JSON.stringify(value, null, pretty ? 2 : undefined);
      const depth = depthOf(JSON.parse(text));
      expect(isDeeperThan(depth, text)).toBe(false);
      if (depth > 0) expect(isDeeperThan(depth - 1, text)).toBe(true);
    }),
  );
});

it.each(['"[[[["', '"\\"[[["', '"\\\\"'])('does not count brackets in the string %s', (text) => {
  expect(isDeeperThan(0, text)).toBe(false);
});

it('finds a well of brackets', () => {
  expect(isDeeperThan(32, '['.repeat(1_000_000))).toBe(true);
});
