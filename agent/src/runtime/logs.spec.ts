// Reading logs back, on real files: from the end, across rotations, while they grow.
import { appendFile, type FileHandle, mkdir, mkdtemp, readdir, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LogLine } from '@berth/contract';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { inOrder, nextFile } from './log-files.js';
import { LogFollower } from './log-follow.js';
import { mergeByTime, parseLogLine } from './log-format.js';
import { logsToRemove, rotateIfLarge } from './log-rotation.js';
import { readTail } from './log-tail.js';
import { type Paths, pathsOf } from './paths.js';

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

async function tailOf(files: readonly string[], limit: number, sinceMs: number | null = null) {
  const tail = await readTail(files.map(file), 'main', limit, sinceMs);
  await tail.file?.close();
  return tail;
}

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

describe('readTail', () => {
  it('gives the newest lines, oldest first', async () => {
    await writeFile(file('a'), Array.from({ length: 5000 }, (_, index) => line(`line ${index} ${'x'.repeat(index % 200)}`)).join(''));
    const { lines } = await tailOf(['a'], 3);
    expect(textsOf(lines).map((text) => text.split(' ')[1])).toEqual(['4997', '4998', '4999']);
    expect((await tailOf(['a'], 10_000)).lines).toHaveLength(5000);
  });

  it('goes on in files that were put aside', async () => {
    await writeFile(file('a.2'), line('one'));
    await writeFile(file('a.1'), line('two') + line('three'));
    await writeFile(file('a'), line('four'));
    expect(textsOf((await tailOf(['a', 'a.1', 'a.2'], 3)).lines)).toEqual(['two', 'three', 'four']);
    expect(textsOf((await tailOf(['a', 'a.1', 'a.2'], 9)).lines)).toEqual(['one', 'two', 'three', 'four']);
  });

  it('stops at lines older than asked for', async () => {
    await writeFile(file('a'), line('old', 1) + line('new', 5) + line('newer', 6));
    expect(textsOf((await tailOf(['a'], 10, Date.parse(at(5)))).lines)).toEqual(['new', 'newer']);
  });

  it('leaves a line alone that the keeper is in the middle of', async () => {
    await writeFile(file('a'), `${line('whole')}${at(2)} stdout F hal`);
    const tail = await tailOf(['a'], 10);
    expect(textsOf(tail.lines)).toEqual(['whole']);
    expect(tail.endOffset).toBe(line('whole').length);
  });

  it('passes over what the keeper did not write, be it enormous', async () => {
    await writeFile(file('a'), `${line('before')}${'y'.repeat(300_000)}\n${line('after')}`);
    expect(textsOf((await tailOf(['a'], 10)).lines)).toEqual(['before', 'after']);
  });

  it('has nothing to say of a file that is not there, or of none asked for', async () => {
    expect((await tailOf(['a'], 10)).lines).toEqual([]);
    await writeFile(file('a'), line('x'));
    expect((await tailOf(['a'], 0)).lines).toEqual([]);
  });
});

describe('LogFollower', () => {
  const follower = (sinceMs: number | null = null) => new LogFollower(directory, 'main', sinceMs);

  async function readAll(from: LogFollower): Promise<string[]> {
    const texts: string[] = [];
    for (let lines = await from.next(); lines.length > 0; lines = await from.next()) texts.push(...textsOf(lines));
    return texts;
  }

  it('reads on where the tail ended, through a rotation', async () => {
    await writeFile(file('main.log'), line('one'));
    const tail = await readTail([file('main.log')], 'main', 10, null);
    const from = follower();
    await from.beginAt(tail.file as FileHandle, tail.endOffset);
    expect(await from.next()).toEqual([]);
    await appendFile(file('main.log'), `${line('two')}${at(3)} stdout F thr`);
    expect(textsOf(await from.next())).toEqual(['two']);
    await appendFile(file('main.log'), 'ee\n');
    expect(textsOf(await from.next())).toEqual(['three']);
    await appendFile(file('main.log'), line('four'));
    await rename(file('main.log'), file('main.log.1'));
    await writeFile(file('main.log'), line('five'));
    expect(await readAll(from)).toEqual(['four', 'five']);
    await from.close();
  });

  it('waits for a file that is not there yet', async () => {
    await rm(directory, { recursive: true });
    const from = follower();
    expect(await from.next()).toEqual([]);
    await mkdir(directory);
    await writeFile(file('main.log'), line('late'));
    expect(textsOf(await from.next())).toEqual(['late']);
    await from.close();
  });

  it('reads everything from the beginning, or from a time on', async () => {
    for (const [name, text, second] of [
      ['main.log.2', 'one', 1],
      ['main.log.1', 'two', 5],
      ['main.log', 'three', 6],
    ] as const) {
      await writeFile(file(name), line(text, second));
      await utimes(file(name), new Date(at(second)), new Date(at(second)));
    }
    for (const [sinceMs, texts] of [
      [null, ['one', 'two', 'three']],
      [Date.parse(at(5)), ['two', 'three']],
    ] as const) {
      const from = follower(sinceMs);
      expect(await readAll(from)).toEqual(texts);
      await from.close();
    }
  });

  describe('while its log is rotated', () => {
    const limits = { maxFileBytes: 100, maxRotatedFiles: 2, retentionMs: 1, maxTotalBytes: 1 };
    const taskId = '3f0e6a52';
    let paths: Paths;
    let log: string;
    let written: number;
    beforeEach(async () => {
      paths = pathsOf('none', directory);
      ({ log } = paths.container(taskId, 'main'));
      await mkdir(paths.task(taskId).logs, { recursive: true });
      await writeFile(log, '');
      written = 0;
    });

    const size = 100;
    const write = (count: number) =>
      appendFile(log, Array.from({ length: count }, () => line(`${written++}`.padEnd(size - line('').length, ' '), 1)).join(''));
    /** There is no keeper here: what it would do is done at the same time. */
    const rotate = async () => {
      await rotateIfLarge(paths, limits, taskId, 'main', () => writeFile(log, ''));
    };
    /** What the keeper does with a file that outgrows its own cap. */
    const cut = async () => {
      await writeFile(`${log}.tmp`, '');
      await rename(`${log}.tmp`, log);
    };
    const numbers = (texts: readonly string[]) => texts.map((text) => text.trim());
    const from = () => new LogFollower(paths.task(taskId).logs, 'main', null);

    it('misses nothing that is still there, whenever it reads', async () => {
      const reader = from();
      const texts: string[] = [];
      for (let round = 0; round < 6; round++) {
        await write(3);
        if (round % 2 === 1) texts.push(...(await readAll(reader)));
        await rotate();
      }
      texts.push(...(await readAll(reader)));
      await reader.close();
      expect(numbers(texts)).toEqual(Array.from({ length: 18 }, (_, index) => `${index}`));
    });

    it('says how much was removed before it could be read, at the beginning and in between', async () => {
      const begun = from();
      await write(2);
      expect(numbers(textsOf(await begun.next()))).toEqual(['0', '1']);
      for (let round = 0; round < 4; round++) {
        await rotate();
        await write(2);
      }
      const late = from();
      const gap = (bytes: number) => `[berth: ${bytes} bytes of output were dropped here: the log is capped]`;
      expect(numbers(await readAll(begun))).toEqual([gap(2 * size), '4', '5', '6', '7', '8', '9']);
      expect(numbers(await readAll(late))).toEqual([gap(4 * size), '4', '5', '6', '7', '8', '9']);
      for (const each of [begun, late]) await each.close();
    });

    it('keeps the file that the keeper replaced, and says that there may have been more', async () => {
      await write(1);
      await rotateIfLarge(paths, limits, taskId, 'main', async () => {});
      const [early, late] = [from(), from()];
      await write(1);
      await cut();
      await write(1);
      const unsure = '[berth: output may have been dropped here: the log is capped]';
      expect(numbers(await readAll(early))).toEqual(['0', '1', unsure, '2']);
      await rotateIfLarge(paths, limits, taskId, 'main', async () => {});
      expect(await readdir(paths.task(taskId).logs)).toContain('main.log.1');
      expect(numbers(await readAll(late))).toEqual(['0', '1', unsure, '2']);
      for (const each of [early, late]) await each.close();
    });
  });
});

describe('nextFile', () => {
  const chain = (...inos: string[]) =>
    inos.map((ino, index) => ({ path: ino, ino, size: 10, modifiedMs: 0, start: 100 + 10 * index, afterCut: false }));
  const next = (...input: Parameters<typeof nextFile>) => {
    const found = nextFile(...input);
    return found && [found.file.ino, found.missing];
  };

  it.each<[string, Parameters<typeof nextFile>[1], [string, number | null] | null]>([
    ['the oldest at the beginning', null, ['a', 100]],
    ['the one after this one', { ino: 'a', end: 110 }, ['b', 0]],
    ['none after the newest', { ino: 'c', end: 125 }, null],
    ['the oldest kept when this one was removed', { ino: 'gone', end: 80 }, ['a', 20]],
    ['a later one when this one was removed only now', { ino: 'gone', end: 110 }, ['b', 0]],
    ['the newest when this one was replaced', { ino: 'gone', end: 500 }, ['c', null]],
    ['the newest when nobody knows where this one was', { ino: 'gone', end: null }, ['c', null]],
  ])('is %s', (_what, where, expected) => {
    expect(next(chain('a', 'b', 'c'), where)).toEqual(expected);
  });

  it('is none of no files', () => {
    expect([next([], null), next([], { ino: 'gone', end: 1 })]).toEqual([null, null]);
  });

  it('leaves out files that are about to be removed', () => {
    const files = ['a', 'b', 'c'].map((ino) => ({ path: ino, ino, size: 10, modifiedMs: 0 }));
    const kept = { oldest: 'b', droppedBytes: 70, cuts: [] };
    expect(inOrder({ files, kept, cut: null }).map(({ ino, start }) => [ino, start])).toEqual([
      ['b', 70],
      ['c', 80],
    ]);
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
  const limits = { maxFileBytes: 1, maxRotatedFiles: 1, retentionMs: 100, maxTotalBytes: 1000 };
  const log = (taskId: string, bytes: number, lastWriteMs: number) => ({ taskId, bytes, lastWriteMs });

  it.each([
    ['those past their time', [log('old', 1, 800), log('new', 1, 950)], ['old']],
    ['the oldest while all are too large', [log('c', 500, 990), log('a', 500, 970), log('b', 500, 980)], ['a']],
    ['none that fits and is young', [log('a', 500, 970), log('b', 500, 980)], []],
  ])('names %s', (_what, logs, gone) => {
    expect(logsToRemove(logs, limits, 1000)).toEqual(gone);
  });
});
