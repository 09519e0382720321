// Reading logs back, on real files: from the end, across rotations, while they grow.
import { appendFile, mkdtemp, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LogLine, logFilter, mergeByTime, type PlacedLine, parseLogLine, type TaskId } from '@berth/contract';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fileAt, logFileName, readLogFiles } from './log-files.js';
import { LogFollower } from './log-follow.js';
import { logsToRemove } from './log-rotation.js';
import { readTail } from './log-tail.js';
import { taskLogs } from './logs.js';
import type { LogRequest } from './runtime.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'berth-logs-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

const at = (second: number) => `2026-11-24T10:00:${String(second % 60).padStart(2, '0')}.123456789+00:00`;
const line = (text: string, second = 0, tag = 'F') => `${at(second)} stdout ${tag} ${text}\n`;
const textsOf = (lines: readonly LogLine[]) => lines.map((found) => found.text);
const file = (name: string) => join(directory, name);

describe('parseLogLine', () => {
  it('reads the keeper’s form', () => {
    expect(parseLogLine(`${at(1)} stderr P half a line`, 'web')).toEqual({
      at: at(1),
      container: 'web',
      stream: 'stderr',
      text: 'half a line',
      partial: true,
    });
    expect(parseLogLine(`${at(1)} stdout F `, 'web')?.text).toBe('');
  });

  it.each(['', 'no time stdout F x', `${at(1)} stdin F x`, `${at(1)} stdout X x`, 'ut F rest of a line that was cut'])(
    'knows what is not: %j',
    (text) => {
      expect(parseLogLine(text, 'web')).toBeNull();
    },
  );
});

/** The log `main` in files of these texts, one after the other. */
async function write(...texts: string[]): Promise<number[]> {
  const starts: number[] = [];
  let start = 0;
  for (const text of texts) {
    starts.push(start);
    await writeFile(logFileName(file('main.log'), start), text);
    start += Buffer.byteLength(text);
  }
  return starts;
}

const everything = { since: null, until: null, grep: null, stream: null };

describe('readTail', () => {
  const tailOf = (limit: number, more: Partial<Parameters<typeof logFilter>[0]> = {}) =>
    readTail(readLogFiles(directory, 'main'), 'main', limit, logFilter({ ...everything, ...more }));

  it('gives the newest lines, oldest first, with the places where they end', async () => {
    await write(Array.from({ length: 5000 }, (_, index) => line(`line ${index} ${'x'.repeat(index % 200)}`)).join(''));
    const { lines, end } = await tailOf(3);
    expect(textsOf(lines).map((text) => text.split(' ')[1])).toEqual(['4997', '4998', '4999']);
    expect(lines.at(-1)?.end).toBe(end);
    expect((lines.at(-1)?.end ?? 0) - (lines.at(-2)?.end ?? 0)).toBe(line(lines.at(-1)?.text ?? '').length);
    expect((await tailOf(10_000)).lines).toHaveLength(5000);
  });

  it('goes back through files', async () => {
    const [, , third = 0] = await write(line('one'), line('two') + line('three'), line('four'));
    expect(textsOf((await tailOf(3)).lines)).toEqual(['two', 'three', 'four']);
    expect(textsOf((await tailOf(9)).lines)).toEqual(['one', 'two', 'three', 'four']);
    expect((await tailOf(9)).lines[2]?.end).toBe(third);
  });

  it('stops at lines older than asked for', async () => {
    await write(line('old', 1) + line('new', 5) + line('newer', 6));
    expect(textsOf((await tailOf(10, { since: at(5) })).lines)).toEqual(['new', 'newer']);
  });

  it('counts only lines that are wanted', async () => {
    await write(Array.from({ length: 3000 }, (_, index) => line(index % 1000 === 0 ? `error ${index}` : 'fine', 1)).join(''));
    expect(textsOf((await tailOf(2, { grep: 'error' })).lines)).toEqual(['error 1000', 'error 2000']);
    expect((await tailOf(2, { stream: 'stderr' })).lines).toEqual([]);
    expect((await tailOf(2, { until: at(0) })).lines).toEqual([]);
  });

  it('leaves a line alone that the keeper is in the middle of', async () => {
    await write(`${line('whole')}${at(2)} stdout F hal`);
    const tail = await tailOf(10);
    expect(textsOf(tail.lines)).toEqual(['whole']);
    expect(tail.end).toBe(line('whole').length);
  });

  it('passes over what the keeper did not write, be it enormous', async () => {
    await write(`${line('before')}${'y'.repeat(300_000)}\n${line('after')}`);
    expect(textsOf((await tailOf(10)).lines)).toEqual(['before', 'after']);
  });

  it('has nothing to say of a log that is not there, or of no lines', async () => {
    expect(await tailOf(10)).toEqual({ lines: [], end: 0 });
    await write(line('x'));
    expect(await tailOf(0)).toEqual({ lines: [], end: line('x').length });
  });
});

describe('LogFollower', () => {
  const follower = (position = 0) => new LogFollower(directory, 'main', position);

  function readAll(from: LogFollower): string[] {
    const texts: string[] = [];
    for (let lines = from.next(); lines.length > 0; lines = from.next()) texts.push(...textsOf(lines));
    return texts;
  }

  it('reads on from any line’s end, to the byte', async () => {
    await write(line('one') + line('two'), line('three'));
    const all = follower();
    const lines = [...all.next(), ...all.next()];
    expect(textsOf(lines)).toEqual(['one', 'two', 'three']);
    for (const [index, { end }] of lines.entries()) expect(readAll(follower(end))).toEqual(textsOf(lines.slice(index + 1)));
    all.close();
  });

  it('waits for the rest of a line, for the next file, and for the first', async () => {
    const from = follower();
    expect(from.next()).toEqual([]);
    const name = logFileName(file('main.log'), 0);
    await appendFile(name, `${line('two')}${at(3)} stdout F thr`);
    expect(textsOf(from.next())).toEqual(['two']);
    await appendFile(name, 'ee\n');
    expect(textsOf(from.next())).toEqual(['three']);
    await appendFile(name, line('four'));
    await writeFile(logFileName(file('main.log'), (await stat(name)).size), line('five'));
    expect(readAll(from)).toEqual(['four', 'five']);
    from.close();
  });

  it('says to the byte what was taken away before it was read, at the beginning and in between', async () => {
    const texts = Array.from({ length: 6 }, (_, index) => line(`${index}`));
    const starts = await write(...texts);
    const begun = follower();
    expect(textsOf(begun.next())).toEqual(['0']);
    for (const start of starts.slice(0, 4)) await rm(logFileName(file('main.log'), start));
    const gap = (bytes: number) => `[berth: ${bytes} bytes of output were dropped here: the log is capped]`;
    const size = line('0').length;
    expect(readAll(begun)).toEqual([gap(3 * size), '4', '5']);
    expect(readAll(follower())).toEqual([gap(4 * size), '4', '5']);
    begun.close();
  });

  it('reads a file to its end that was taken away meanwhile', async () => {
    const [first = 0] = await write(line('a'.repeat(60_000)) + line('b'.repeat(10_000)), line('c'));
    const from = follower();
    expect(from.next()).toHaveLength(1);
    await rm(logFileName(file('main.log'), first));
    expect(readAll(from)).toEqual(['b'.repeat(10_000), 'c']);
    from.close();
  });

  it('passes over what is older than asked for, without calling it a gap', async () => {
    const starts = await write(line('one', 1), line('two', 5), line('three', 6));
    for (const [index, second] of [1, 5, 6].entries())
      await utimes(logFileName(file('main.log'), starts[index] as number), new Date(at(second)), new Date(at(second)));
    const from = follower();
    from.skipOlderThan(Date.parse(at(5)));
    expect(readAll(from)).toEqual(['two', 'three']);
    from.close();
  });
});

describe('taskLogs', () => {
  const paths = { task: () => ({ logs: directory }) } as never;
  const request = { container: null, tail: null, from: null, ...everything, follow: false, signal: new AbortController().signal };
  const read = async (more: Partial<LogRequest> = {}) => {
    const lines: PlacedLine[] = [];
    for await (const batch of taskLogs(paths, 'x' as TaskId, { ...request, ...more }, () => true)) lines.push(...batch.lines);
    return lines;
  };

  it('goes on after a cursor in every container, whatever the order was', async () => {
    await write(line('a1', 1) + line('a2', 3));
    await writeFile(logFileName(file('side.log'), 0), line('b1', 2) + line('b2', 4));
    const all = await read();
    expect(textsOf(all)).toEqual(['a1', 'b1', 'a2', 'b2']);
    for (let seen = 0; seen <= 4; seen += 1) {
      const from = Object.fromEntries(all.slice(0, seen).map(({ container, end }) => [container, end]));
      expect(textsOf(await read({ from }))).toEqual(textsOf(all.slice(seen)));
      expect(textsOf(await read({ from, follow: true }))).toEqual(textsOf(all.slice(seen)));
    }
  });

  it('leaves out what is not wanted, but no gap', async () => {
    const starts = await write(line('error 0', 1), `${line('error 1', 2)}${line('fine', 3)}${line('error 2', 9)}`);
    await rm(logFileName(file('main.log'), starts[0] as number));
    const texts = textsOf(await read({ grep: 'error', until: at(5) }));
    expect(texts).toEqual([expect.stringContaining('bytes of output were dropped'), 'error 1']);
  });

  it('of a container that is not there is empty, whatever its name', async () => {
    await write(line('x'));
    expect(await read({ container: '../main' })).toEqual([]);
    expect(await read({ from: { '../../etc/passwd': 0 }, container: '../../etc/passwd' })).toEqual([]);
  });
});

describe('fileAt', () => {
  const files = [100, 110, 120].map((start) => ({ path: `${start}`, start, size: 10, modifiedMs: 0 }));

  it.each([
    [0, 100, 100],
    [100, 100, 0],
    [109, 100, 0],
    [110, 110, 0],
    [129, 120, 0],
  ])('the byte after %i is in the file at %i, with %i missing', (position, start, missing) => {
    const found = fileAt(files, position);
    expect([found?.file.start, found?.missing]).toEqual([start, missing]);
  });

  it('is nowhere yet at the end', () => {
    expect([fileAt(files, 130), fileAt([], 0)]).toEqual([null, null]);
  });
});

describe('mergeByTime', () => {
  const made = (container: string, ...seconds: number[]): LogLine[] =>
    seconds.map((second) => ({ at: at(second), container, stream: 'stdout', text: `${container}${second}`, partial: false }));

  it('orders by time and keeps each container’s own order', () => {
    expect(textsOf(mergeByTime([made('a', 1, 4, 3), made('b', 2, 5)]))).toEqual(['a1', 'b2', 'a4', 'a3', 'b5']);
  });
});

describe('logsToRemove', () => {
  const limits = { maxContainerBytes: 1, files: 1, retentionMs: 100, maxTotalBytes: 1000 };
  const log = (taskId: string, bytes: number, lastWriteMs: number, isStored = false) => ({ taskId, bytes, lastWriteMs, isStored });

  it.each([
    ['those past their time', [log('old', 1, 800), log('new', 1, 950)], ['old']],
    ['the oldest while all are too large', [log('c', 500, 990), log('a', 500, 970), log('b', 500, 980)], ['a']],
    ['those that are stored, but not at once', [log('a', 1, -700_000, true), log('b', 1, 999, true)], ['a']],
    ['none that fits and is young', [log('a', 500, 970), log('b', 500, 980)], []],
  ])('names %s', (_what, logs, gone) => {
    expect(logsToRemove(logs, limits, 1000)).toEqual(gone);
  });
});
