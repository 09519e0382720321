// The journal on a real directory, and what a crash at any byte leaves of it.
import { appendFile, mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TaskId } from '@berth/contract';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { taskSpec } from '../test/tasks.js';
import type { Entry } from './entries.js';
import { type Journal, openJournal } from './journal.js';
import { decodeEntries, encodeEntry } from './journal-line.js';
import { fileStorage, type JournalStorage, memoryStorage } from './journal-storage.js';
import { applyEntry } from './reduce.js';
import { type AgentState, emptyState } from './state.js';

const log = pino({ level: 'silent' });
const taskId = '00000000-0000-4000-8000-000000000001' as TaskId;
const life: Entry[] = [
  { kind: 'anchored', anchor: { bootId: 'b', wallMs: 500, monotonicMs: 5 } },
  { kind: 'accepted', taskId, atMs: 1000, spec: taskSpec({ taskId, name: 'größer' }) },
  { kind: 'preparing', taskId, atMs: 1001 },
  { kind: 'container-starting', taskId, atMs: 1010, container: 'main' },
  { kind: 'container-started', taskId, atMs: 1020, container: 'main', timings: {} },
  { kind: 'usage-cut', taskId, atMs: 1500 },
  {
    kind: 'container-exited',
    taskId,
    atMs: 2000,
    container: 'main',
    exit: { exitCode: 0, signal: null, oomKilled: false, runtimeFailure: null },
  },
  { kind: 'cleaned', taskId, atMs: 2001 },
];

let directory: string;
let path: string;
const open: Journal[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'berth-journal-'));
  path = join(directory, 'journal.ndjson');
});

afterEach(async () => {
  for (const journal of open.splice(0)) await journal.close();
  await rm(directory, { recursive: true });
});

async function openHere(options: { storage?: JournalStorage; compactAfterBytes?: number } = {}): Promise<Journal> {
  const journal = await openJournal({ storage: fileStorage(directory), log, retryMs: 5, ...options });
  open.push(journal);
  return journal;
}

function folded(entries: readonly Entry[]): AgentState {
  const state = emptyState();
  for (const entry of entries) applyEntry(state, entry);
  return state;
}

describe('a journal', () => {
  it('is empty at first, and root’s alone', async () => {
    const { state } = await openHere();
    expect(state).toEqual(emptyState());
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('gives back what was durable, to another process', async () => {
    const journal = await openHere();
    for (const entry of life) journal.append(entry);
    await journal.durable();
    expect((await openHere()).state).toEqual(folded(life));
  });

  it('writes and syncs once for all who wait', async () => {
    const calls: string[] = [];
    const storage = memoryStorage();
    const watched: JournalStorage = {
      ...storage,
      append: async (text) => {
        calls.push(`append ${text.split('\n').length - 1}`);
        await storage.append(text);
      },
      sync: async () => {
        calls.push('sync');
        await storage.sync();
      },
    };
    const journal = await openHere({ storage: watched });
    const waits = life.map((entry) => {
      journal.append(entry);
      return journal.durable();
    });
    await Promise.all(waits);
    expect(calls).toEqual([`append ${life.length}`, 'sync']);
  });

  it('survives a crash at any byte with the entries before it', async () => {
    const lines = life.map((entry) => Buffer.from(encodeEntry(entry)));
    const whole = Buffer.concat(lines);
    const ends = lines.map((_, index) => lines.slice(0, index + 1).reduce((sum, { length }) => sum + length, 0));
    for (let length = 0; length <= whole.length; length += 1) {
      const { entries, damagedLines } = decodeEntries(whole.subarray(0, length).toString());
      // The line feed alone may be missing: the checksum still tells that the entry is whole.
      const expected = ends.filter((end) => end - 1 <= length).length;
      expect(entries).toEqual(life.slice(0, expected));
      expect(damagedLines).toBe(length === 0 || ends.some((end) => end === length || end - 1 === length) ? 0 : 1);
    }
  });

  it('goes on after a torn end, and does not append to the torn line', async () => {
    const first = await openHere();
    for (const entry of life.slice(0, 3)) first.append(entry);
    await first.durable();
    await first.close();
    await truncate(path, (await stat(path)).size - 7);
    const second = await openHere();
    expect(second.state).toEqual(folded(life.slice(0, 2)));
    second.append({ kind: 'epoch', epoch: 9 });
    await second.durable();
    expect((await openHere()).state).toEqual(folded([...life.slice(0, 2), { kind: 'epoch', epoch: 9 }]));
  });

  it('leaves out a line that was changed, and keeps the others', async () => {
    const lines = life.map(encodeEntry);
    await writeFile(path, [...lines.slice(0, 2), lines[2]?.replace('1001', '1002'), ...lines.slice(3)].join(''));
    expect((await openHere()).state).toEqual(folded(life.filter((_, index) => index !== 2)));
  });

  it('takes garbage for no entry', async () => {
    await writeFile(path, 'hello\n\u0000\u0000\u0000\n00000000 {}\n');
    expect((await openHere()).state).toEqual(emptyState());
  });

  it('gives the same records from every prefix as were there at the time', () => {
    for (let count = 0; count <= life.length; count += 1) {
      const replayed = folded(decodeEntries(life.slice(0, count).map(encodeEntry).join('')).entries);
      expect(replayed).toEqual(folded(life.slice(0, count)));
    }
  });

  it('is written anew when it has grown, and loses nothing by it', async () => {
    const journal = await openHere({ compactAfterBytes: 2000 });
    for (const entry of life) journal.append(entry);
    let largest = 0;
    for (let epoch = 1; epoch <= 500; epoch += 1) {
      journal.append({ kind: 'epoch', epoch });
      await journal.durable();
      largest = Math.max(largest, (await stat(path)).size);
    }
    expect(largest).toBeLessThan(10_000);
    expect((await openHere()).state).toEqual(folded([...life, { kind: 'epoch', epoch: 500 }]));
  });

  it('ignores a half-written successor', async () => {
    const first = await openHere();
    first.append({ kind: 'epoch', epoch: 3 });
    await first.close();
    await appendFile(`${path}.new`, 'half a li');
    expect((await openHere()).state.epoch).toBe(3);
  });
});

describe('a journal that can’t be written', () => {
  function failing(): JournalStorage & { failing: 'append' | 'sync' | 'replace' | 'all' | null } {
    const inner = fileStorage(directory);
    const storage: ReturnType<typeof failing> = {
      ...inner,
      failing: null,
      append: (text) => attempt('append', () => inner.append(text)),
      sync: () => attempt('sync', () => inner.sync()),
      replace: (chunks) => attempt('replace', () => inner.replace(chunks)),
    };
    async function attempt(verb: 'append' | 'sync' | 'replace', work: () => Promise<void>): Promise<void> {
      if (storage.failing !== verb && storage.failing !== 'all') return work();
      throw new Error('ENOSPC: no space left on device');
    }
    return storage;
  }

  it.each(['append', 'sync'] as const)('says so when %s fails, and writes everything anew', async (verb) => {
    const storage = failing();
    const journal = await openHere({ storage });
    storage.failing = verb;
    journal.append({ kind: 'epoch', epoch: 5 });
    await expect(journal.durable()).rejects.toThrow('cannot write its journal: ENOSPC');
    journal.append({ kind: 'epoch', epoch: 6 });
    await journal.eventuallyDurable();
    expect(journal.fault).toBeNull();
    expect(decodeEntries(await readFile(path, 'utf8')).entries).toContainEqual({ kind: 'epoch', epoch: 6 });
  });

  it('keeps who can wait waiting, and turns away who can’t', async () => {
    const storage = failing();
    const journal = await openHere({ storage });
    storage.failing = 'all';
    journal.append({ kind: 'epoch', epoch: 5 });
    const patient = journal.eventuallyDurable();
    await expect(journal.durable()).rejects.toThrow('ENOSPC');
    expect(journal.fault).toContain('ENOSPC');
    await expect(journal.durable()).rejects.toThrow('ENOSPC');
    storage.failing = null;
    await patient;
    expect(journal.fault).toBeNull();
  });

  it('keeps what was durable when the successor can’t be written', async () => {
    const storage = failing();
    const journal = await openHere({ storage });
    journal.append({ kind: 'epoch', epoch: 5 });
    await journal.durable();
    storage.failing = 'all';
    journal.append({ kind: 'epoch', epoch: 6 });
    await expect(journal.durable()).rejects.toThrow('ENOSPC');
    expect(decodeEntries(await readFile(path, 'utf8')).entries).toContainEqual({ kind: 'epoch', epoch: 5 });
  });
});
