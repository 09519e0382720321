import { describe, expect, it } from 'vitest';
import { LogCursor, parseLogCursor } from './log-cursor.js';

describe('a cursor', () => {
  it('follows each container by itself and comes back as it was', () => {
    const cursor = new LogCursor();
    expect(cursor.text).toBeNull();
    cursor.start({ side: 40 });
    for (const [container, end] of [
      ['main', 10],
      ['side', 55],
      ['main', 30],
    ] as const)
      cursor.note({ container, end });
    expect(cursor.text).toBe('side:55,main:30');
    expect(parseLogCursor(cursor.text ?? '')).toEqual({ main: 30, side: 55 });
  });

  it('stays where it is for a line without a place', () => {
    const cursor = new LogCursor({ main: 5 });
    cursor.note({ container: 'main' });
    expect(cursor.text).toBe('main:5');
  });

  it.each([
    '',
    'main',
    'main:',
    'main:-1',
    'main:1;side:2',
    '../x:1',
    'Main:1',
    'main:1,',
    `main:${'9'.repeat(16)}`,
    'x'.repeat(2000),
    '2026-01-01T00:00:00Z',
  ])('is none of %j', (text) => {
    expect(parseLogCursor(text)).toBeNull();
  });
});
