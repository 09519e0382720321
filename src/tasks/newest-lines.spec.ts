import type { LogLine } from '@berth/contract';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { newestWithin } from './newest-lines.js';

const line = (text: string): LogLine => ({ at: '2026-01-01T00:00:00Z', container: 'main', stream: 'stdout', text, partial: false });
async function* batches(lines: readonly string[], size: number): AsyncGenerator<LogLine[]> {
  for (let at = 0; at < lines.length; at += size) yield lines.slice(at, at + size).map(line);
}

it('keeps the newest lines in their order, however they arrive', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ maxLength: 5 }), { maxLength: 60 }),
      fc.nat({ max: 20 }),
      fc.integer({ min: 1, max: 9 }),
      async (lines, max, size) => {
        const { items, truncated } = await newestWithin(batches(lines, size), max, 1e9);
        expect(items.map((one) => one.text)).toEqual(max === 0 ? [] : lines.slice(-max));
        expect(truncated).toBe(false);
      },
    ),
  );
});

it('says so when the text was too much', async () => {
  const { items, truncated } = await newestWithin(batches(['a'.repeat(500), 'b'.repeat(500), 'c'.repeat(500)], 2), 10, 1300);
  expect(items.map((one) => one.text[0])).toEqual(['b', 'c']);
  expect(truncated).toBe(true);
  expect(await newestWithin(batches(['x'.repeat(5000)], 1), 10, 100)).toEqual({ items: [], truncated: true });
});
