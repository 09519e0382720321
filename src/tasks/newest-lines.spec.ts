import type { LogBatch, PlacedLine } from '@berth/contract';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { newestWithin, nextWithin } from './newest-lines.js';

const line = (text: string, end: number): PlacedLine => ({
  at: '2026-01-01T00:00:00Z',
  container: 'main',
  stream: 'stdout',
  text,
  partial: false,
  end,
});
async function* batches(lines: readonly string[], size: number): AsyncGenerator<LogBatch> {
  for (let at = 0; at < lines.length; at += size)
    yield { lines: lines.slice(at, at + size).map((text, index) => line(text, at + index + 1)) };
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
  expect(await newestWithin(batches(['x'.repeat(5000)], 1), 10, 100)).toEqual({ items: [], truncated: true, cursor: 'main:1' });
});

it('gives what comes next, page by page, each line once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.string({ maxLength: 5 }), { maxLength: 40 }), fc.integer({ min: 1, max: 9 }), async (lines, max) => {
      const seen: string[] = [];
      for (let from = 0; ; ) {
        const { items, truncated, cursor } = await nextWithin(batchesAfter(lines, from), { main: from }, max, 1e9);
        seen.push(...items.map(({ text }) => text));
        from = Number(cursor?.split(':')[1]);
        if (!truncated) break;
        expect(items).toHaveLength(max);
      }
      expect(seen).toEqual(lines);
    }),
  );
});

async function* batchesAfter(lines: readonly string[], from: number): AsyncGenerator<LogBatch> {
  yield { lines: lines.slice(from).map((text, index) => line(text, from + index + 1)) };
}

it('always gives one line, however large', async () => {
  const { items, truncated } = await nextWithin(batches(['x'.repeat(5000), 'y'], 2), {}, 10, 100);
  expect([items.length, truncated]).toEqual([1, true]);
});
