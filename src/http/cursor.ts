// Cursors of paged lists: where the next page begins, opaque to the caller. Keyset paging: a cursor names the last
// item's place in the order, so pages neither repeat nor skip what was there all the time.
import { ApiError } from '../errors.js';

export interface Page<T> {
  readonly items: T[];
  readonly nextCursor: string | null;
}

/** @param list which list and order the cursor belongs to; another list refuses it. */
export function encodeCursor(list: string, place: readonly string[]): string {
  return Buffer.from(JSON.stringify([list, ...place])).toString('base64url');
}

/** @throws ApiError invalid_request when it was not made by `encodeCursor` for this list. */
export function decodeCursor(cursor: string, list: string, length: number): string[] {
  const [of, ...place] = parse(cursor);
  if (of !== list || place.length !== length) {
    throw new ApiError(
      'invalid_request',
      { detail: 'cursor does not belong to this list. Pass on nextCursor as it is, with the same filters.' },
      { field: 'cursor' },
    );
  }
  return place;
}

/** For a cursor that `decodeCursor` took and whose place can't be one of that list. */
export function badCursor(): ApiError {
  return new ApiError('invalid_request', { detail: 'cursor is not one of ours. Pass on nextCursor as it is.' }, { field: 'cursor' });
}

function parse(cursor: string): string[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (Array.isArray(value) && value.every((part) => typeof part === 'string' && !part.includes('\0'))) return value;
  } catch {
    // Not ours: the caller says so.
  }
  return [];
}

/** @param rows up to `limit` + 1 of them: one more than is shown tells that there is a next page. */
export function pageOf<T>(rows: readonly T[], limit: number, list: string, place: (row: T) => string[]): Page<T> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, nextCursor: rows.length > limit && last !== undefined ? encodeCursor(list, place(last)) : null };
}
