import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseLogLine } from '@berth/contract';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { logFileName } from '../runtime/log-files.js';
import { boundedPieces, ContainerLog, longestLine, piecesOf } from './container-log.js';

const at = new Date('2026-01-02T03:04:05.678Z');

describe('piecesOf', () => {
  const texts = (text: string) =>
    piecesOf(Buffer.from(text)).map(({ from, until, isWhole }) => [text.slice(from, until), isWhole ? 'F' : 'P']);

  it.each([
    ['', []],
    ['a\n', [['a', 'F']]],
    [
      '\n\n',
      [
        ['', 'F'],
        ['', 'F'],
      ],
    ],
    [
      'a\nb',
      [
        ['a', 'F'],
        ['b', 'P'],
      ],
    ],
  ])('%j', (text, pieces) => {
    expect(texts(text)).toEqual(pieces);
  });

  it('breaks a line that is longer than 8 KiB, and loses nothing of it', () => {
    const long = 'x'.repeat(20_000);
    const found = texts(`${long}\ny\n`);
    expect(found.map(([text]) => text?.length)).toEqual([8192, 8192, 3616, 1]);
    expect(found.map(([, tag]) => tag).join('')).toBe('PPFF');
    expect(
      found
        .slice(0, 3)
        .map(([text]) => text)
        .join(''),
    ).toBe(long);
  });
});

describe('a line that is too long', () => {
  const textsOf = (data: string, line = { bytes: 0, leftOut: 0 }) =>
    boundedPieces(Buffer.from(data), line).map(({ from, until, isWhole, notice }) => [
      notice?.toString() ?? data.slice(from, until).length,
      isWhole,
    ]);

  it('is cut where it is too long, over many reads, and its end says how much is missing', () => {
    const line = { bytes: 0, leftOut: 0 };
    const block = 'x'.repeat(64 * 1024);
    let shown = 0;
    for (let n = 0; n < 20; n += 1) for (const [size] of textsOf(block, line)) shown += Number(size);
    expect(shown).toBe(longestLine);
    const missing = 4 * 64 * 1024 + 3;
    expect(textsOf('end\nnext\n', line)).toEqual([
      [` [berth: the line was longer than ${longestLine} bytes; ${missing} more were left out]`, true],
      [4, true],
    ]);
    expect(line).toEqual({ bytes: 0, leftOut: 0 });
  });

  it('is not a line of just the longest length', () => {
    expect(textsOf(`${'x'.repeat(longestLine)}\n`).every(([size]) => size === 8192)).toBe(true);
  });
});

describe('a container’s log', () => {
  let directory: string;
  let path: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'berth-test-keeper-'));
    path = join(directory, 'main.log');
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const bounds = { maxBytes: 400, files: 4 };
  const files = () => readdirSync(directory).sort();
  const lines = (start = 0) => readFileSync(logFileName(path, start), 'utf8').split('\n').filter(Boolean);
  const textsIn = (start = 0) => lines(start).map((line) => parseLogLine(line, 'main')?.text);

  it('is in the form that the agent reads', () => {
    const log = new ContainerLog(path, { maxBytes: 4000, files: 4 });
    log.write('stdout', Buffer.from('one\ntw'), at);
    log.write('stderr', Buffer.from('o\n'), at);
    log.close();
    expect(lines().map((line) => parseLogLine(line, 'main'))).toEqual([
      { at: '2026-01-02T03:04:05.678000000Z', container: 'main', stream: 'stdout', text: 'one', partial: false },
      { at: '2026-01-02T03:04:05.678000000Z', container: 'main', stream: 'stdout', text: 'tw', partial: true },
      { at: '2026-01-02T03:04:05.678000000Z', container: 'main', stream: 'stderr', text: 'o', partial: false },
    ]);
  });

  it('goes on in a new file when one is full, names it by its place, and keeps so many', () => {
    const log = new ContainerLog(path, bounds);
    for (let n = 0; n < 6; n += 1) log.write('stdout', Buffer.from(`${n} ${'y'.repeat(48)}\n`), at);
    log.close();
    const size = statSync(logFileName(path, files().length === 0 ? 0 : Number(files()[0]?.slice(-16)))).size;
    expect(files()).toEqual([2, 3, 4, 5].map((n) => `main.log.${String(n * size).padStart(16, '0')}`));
    expect(textsIn(5 * size)).toEqual([`5 ${'y'.repeat(48)}`]);
    expect(files().reduce((sum, name) => sum + statSync(join(directory, name)).size, 0)).toBeLessThanOrEqual(bounds.maxBytes);
  });

  it('keeps its bound however much is written at once', () => {
    const log = new ContainerLog(path, { maxBytes: 4000, files: 4 });
    log.write('stdout', Buffer.from('y\n'.repeat(32_000)), at);
    log.write('stdout', Buffer.from('last\n'), at);
    log.close();
    const sizes = files().map((name) => statSync(join(directory, name)).size);
    expect(sizes).toHaveLength(4);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1000);
    expect(textsIn(Number(files().at(-1)?.slice(-16))).at(-1)).toBe('last');
  });

  it('goes on where an earlier attempt stopped, and ends the line that it was torn off in', () => {
    const first = new ContainerLog(path, { maxBytes: 4000, files: 4 });
    first.write('stdout', Buffer.from('before\n'), at);
    first.close();
    appendFileSync(logFileName(path, 0), '2026-01-02T03:04:05.678000000Z stdout F tor');
    const next = new ContainerLog(path, { maxBytes: 4000, files: 4 });
    next.write('stdout', Buffer.from('after\n'), at);
    next.close();
    expect(files()).toHaveLength(1);
    expect(textsIn()).toEqual(['before', 'tor', 'after']);
  });

  it('says at its end that a line was cut which never ended', () => {
    const log = new ContainerLog(path, { maxBytes: 8_000_000, files: 1 });
    log.write('stdout', Buffer.alloc(longestLine + 10, 'x'), at);
    log.close();
    expect(textsIn().at(-1)).toBe(` [berth: the line was longer than ${longestLine} bytes; 8192 more were left out]`.replace('8192', '10'));
  });
});
