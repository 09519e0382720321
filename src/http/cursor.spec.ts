import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeCursor, encodeCursor, pageOf } from './cursor.js';

const safeText = fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0'));

describe('cursors', () => {
  it('come back as they were made', () => {
    fc.assert(
      fc.property(fc.array(safeText, { maxLength: 3 }), (place) => {
        expect(decodeCursor(encodeCursor('list', place), 'list', place.length)).toEqual(place);
      }),
    );
  });

  it.each([
    ['of another list', encodeCursor('other', ['a'])],
    ['of another length', encodeCursor('list', ['a', 'b'])],
    ['that is no JSON', Buffer.from('nonsense').toString('base64url')],
    ['with a number', Buffer.from('["list",1]').toString('base64url')],
    ['with NUL', Buffer.from('["list","\\u0000"]').toString('base64url')],
    ['that is an object', Buffer.from('{"0":"list"}').toString('base64url')],
    ['of nothing', ''],
  ])('one %s is refused', (_, cursor) => {
    expect(() => decodeCursor(cursor, 'list', 1)).toThrow(expect.objectContaining({ code: 'invalid_request', field: 'cursor' }));
  });

  it('whatever somebody makes up is refused or was ours, and nothing else happens', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          expect(decodeCursor(text, 'list', 1)).toHaveLength(1);
        } catch (error) {
          expect(error).toMatchObject({ code: 'invalid_request' });
        }
      }),
    );
  });
});

it('pages put together are the list, whatever their size', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(), { maxLength: 30 }), fc.integer({ min: 1, max: 10 }), (numbers, limit) => {
      const sorted = numbers.sort((a, b) => a - b);
      const seen: number[] = [];
      let cursor: string | null = null;
      do {
        const after: number = cursor === null ? -1 : Number(decodeCursor(cursor, 'n', 1)[0]);
        const rows = sorted.filter((one) => one > after).slice(0, limit + 1);
        const page = pageOf(rows, limit, 'n', (row) => [String(row)]);
        seen.push(...page.items);
        cursor = page.nextCursor;
      } while (cursor !== null);
      expect(seen).toEqual(sorted);
    }),
    // A row that counts as false.
    { examples: [[[0, 1], 1]] },
  );
});
