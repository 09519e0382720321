import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { storedLogLimits } from '@berth/contract';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { chunksOf } from './ended-logs.js';
import { logFileName } from './log-files.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'berth-test-logs-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

it('are all of a log, in order, cut between lines', () => {
  const line = (n: number) => `${String(n).padStart(6, '0')} ${'x'.repeat(n % 300)}\n`;
  const first = Array.from({ length: 12_000 }, (_, n) => line(n)).join('');
  const second = Array.from({ length: 100 }, (_, n) => line(n)).join('');
  const start = 4096;
  writeFileSync(logFileName(join(directory, 'main.log'), start), first);
  writeFileSync(logFileName(join(directory, 'main.log'), start + first.length), second);
  writeFileSync(logFileName(join(directory, 'side.log'), 0), 'torn off');
  const chunks = [...chunksOf(directory)];
  const of = (name: string) => chunks.filter(({ container }) => container === name);
  expect(Buffer.concat(of('main').map(({ data }) => data)).toString()).toBe(first + second);
  for (const chunk of of('main')) {
    expect(chunk.data.length).toBe(chunk.bytes);
    expect(chunk.bytes).toBeLessThanOrEqual(storedLogLimits.chunkBytes);
    expect(chunk.data.at(-1)).toBe(0x0a);
  }
  expect(of('main').map((chunk) => chunk.start)).toEqual(
    of('main').map(
      (_, index) =>
        start +
        of('main')
          .slice(0, index)
          .reduce((sum, { bytes }) => sum + bytes, 0),
    ),
  );
  expect(of('side').map(({ data }) => data.toString())).toEqual(['torn off']);
});

it('are none of no log', () => {
  expect([...chunksOf(join(directory, 'gone'))]).toEqual([]);
});
