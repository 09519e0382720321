// Reading logs back, on real files: from the end, across rotations, while they grow.
import { appendFile, mkdir, mkdtemp, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LogLine } from '@berth/contract';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LogFollower } from './log-follow.js';
import { mergeByTime, parseLogLine } from './log-format.js';
import { logsToRemove } from './log-rotation.js';
import { readTail } from './log-tail.js';

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
  it('reads conmon’s form', () => {
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

  it('leaves a line alone that conmon is in the middle of', async () => {
    await writeFile(file('a'), `${line('whole')}${at(2)} stdout F hal`);
    const tail = await tailOf(['a'], 10);
    expect(textsOf(tail.lines)).toEqual(['whole']);
    expect(tail.endOffset).toBe(line('whole').length);
  });

  it('passes over what conmon did not write, be it enormous', async () => {
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
  it('reads on where the tail ended, through a rotation and a cut', async () => {
    await writeFile(file('a'), line('one'));
    const tail = await readTail([file('a')], 'main', 10, null);
    const follower = new LogFollower(file('a'), 'main', tail.file, tail.endOffset, null);
    expect(await follower.next()).toEqual([]);
    await appendFile(file('a'), `${line('two')}${at(3)} stdout F thr`);
    expect(textsOf(await follower.next())).toEqual(['two']);
    await appendFile(file('a'), 'ee\n');
    expect(textsOf(await follower.next())).toEqual(['three']);
    await appendFile(file('a'), line('four'));
    await rename(file('a'), file('a.1'));
    await writeFile(file('a'), line('five'));
    expect(textsOf([...(await follower.next()), ...(await follower.next())])).toEqual(['four', 'five']);
    await truncate(file('a'), 0);
    expect(await follower.next()).toEqual([]);
    await appendFile(file('a'), line('6'));
    expect(textsOf(await follower.next())).toEqual(['6']);
    await follower.close();
  });

  it('waits for a file that is not there yet', async () => {
    const follower = new LogFollower(file('sub/a'), 'main', null, 0, null);
    expect(await follower.next()).toEqual([]);
    await mkdir(file('sub'));
    await writeFile(file('sub/a'), line('late'));
    expect(textsOf(await follower.next())).toEqual(['late']);
    await follower.close();
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
