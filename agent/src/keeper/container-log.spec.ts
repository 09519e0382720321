import { linkSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseLogLine } from '../runtime/log-format.js';
import { ContainerLog, piecesOf } from './container-log.js';

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

describe('a container’s log', () => {
  let directory: string;
  let path: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'berth-test-keeper-'));
    path = join(directory, 'main.log');
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const lines = (file = path) => readFileSync(file, 'utf8').split('\n').filter(Boolean);
  const textsIn = (file = path) => lines(file).map((line) => parseLogLine(line, 'main')?.text);

  it('is in the form that the agent reads', () => {
    const log = new ContainerLog(path, 1000);
    log.write('stdout', Buffer.from('one\ntw'), at);
    log.write('stderr', Buffer.from('o\n'), at);
    log.close();
    expect(lines().map((line) => parseLogLine(line, 'main'))).toEqual([
      { at: '2026-01-02T03:04:05.678000000Z', container: 'main', stream: 'stdout', text: 'one', partial: false },
      { at: '2026-01-02T03:04:05.678000000Z', container: 'main', stream: 'stdout', text: 'tw', partial: true },
      { at: '2026-01-02T03:04:05.678000000Z', container: 'main', stream: 'stderr', text: 'o', partial: false },
    ]);
  });

  it('begins anew at its cap, and leaves a second name of what there was', () => {
    const log = new ContainerLog(path, 100);
    log.write('stdout', Buffer.from('first\n'), at);
    log.write('stdout', Buffer.from(`${'y'.repeat(60)}\n`), at);
    log.close();
    expect([textsIn(`${path}.seen`), textsIn()]).toEqual([['first'], ['y'.repeat(60)]]);
  });

  it('goes on in a new file when it was put aside, and only then', () => {
    const log = new ContainerLog(path, 1000);
    log.write('stdout', Buffer.from('a\n'), at);
    renameSync(path, `${path}.1`);
    log.putAside();
    log.write('stdout', Buffer.from('b\n'), at);
    log.putAside();
    log.write('stdout', Buffer.from('c\n'), at);
    log.close();
    expect([textsIn(`${path}.1`), textsIn()]).toEqual([['a'], ['b', 'c']]);
  });

  it('keeps what the agent has given a second name', () => {
    const log = new ContainerLog(path, 50);
    log.write('stdout', Buffer.from('a\n'), at);
    linkSync(path, `${path}.seen`);
    for (const text of ['b\n', 'c\n']) log.write('stdout', Buffer.from(text), at);
    log.close();
    expect([textsIn(`${path}.seen`), textsIn()]).toEqual([['a'], ['c']]);
  });
});
