// The agent's memory. Every change goes through `append`, which applies it at once and writes it in the background:
// one write, and one sync if somebody waits for it, for all entries that came in meanwhile (group commit). Owns
// compaction, and getting well again after the disk was full.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Entry } from './entries.js';
import { decodeEntries, encodeEntry } from './journal-line.js';
import type { JournalStorage } from './journal-storage.js';
import { modernised } from './old-entries.js';
import { applyEntry, compacted, forgetOldTombstones } from './reduce.js';
import { type AgentState, emptyState } from './state.js';

export interface Journal {
  /** Read it freely; change it by `append` only. */
  readonly state: AgentState;
  /** Why nothing can be written at the moment, or null. The agent goes on from memory; only new tasks are refused. */
  readonly fault: string | null;
  append(entry: Entry): void;
  /** Returns when everything appended so far survives a power cut. @throws JournalFault when that can't be had now. */
  durable(): Promise<void>;
  /** The same, but waits through a fault for as long as it lasts. */
  eventuallyDurable(): Promise<void>;
  /** Writes what is left and lets go of the storage. */
  close(): Promise<void>;
}

export class JournalFault extends Error {
  constructor(readonly detail: string) {
    super(`The host cannot write its journal: ${detail}`);
    this.name = 'JournalFault';
  }
}

interface Options {
  readonly storage: JournalStorage;
  readonly log: Logger;
  /** The journal is written anew when it has grown by this, and by as much as it was. */
  readonly compactAfterBytes?: number;
  readonly retryMs?: number;
}

interface Waiter {
  readonly patient: boolean;
  resolve(): void;
  reject(error: JournalFault): void;
}

/** Entries that are turned into text before others get the processor again. */
const entriesPerTurn = 200;

/** Reads what is there and starts a fresh file from it. @throws when the storage can't be read. */
export async function openJournal({ storage, log, compactAfterBytes = 8 * 1024 * 1024, retryMs = 1000 }: Options): Promise<Journal> {
  const state = emptyState();
  const { entries, damagedLines } = decodeEntries(await storage.read());
  for (const entry of entries) applyEntry(state, modernised(entry));
  if (damagedLines > 0) log.warn({ damagedLines }, 'the journal had damaged lines, as a power cut leaves them; they were left out');

  let queue: string[] = [];
  let waiters: Waiter[] = [];
  let writing: Promise<void> | null = null;
  let fault: string | null = null;
  let grownBytes = Number.POSITIVE_INFINITY;
  let compactBytes = 0;
  let retry: NodeJS.Timeout | undefined;
  let closed = false;

  async function rewrite(): Promise<void> {
    forgetOldTombstones(state, state.aliveAtMs);
    const snapshot = compacted(state);
    grownBytes = 0;
    compactBytes = 0;
    await storage.replace(asText(snapshot, (bytes) => (compactBytes += bytes)));
  }

  async function writeOnce(): Promise<void> {
    const text = queue.join('');
    const mustSync = waiters.length > 0;
    queue = [];
    // After a failed write or sync nobody knows what the file holds; the state is written anew, and with it the queue.
    if (fault !== null) return rewrite();
    if (grownBytes > Math.max(compactAfterBytes, compactBytes)) {
      // The history of what happened has no holes; what is written anew says only how things stand.
      if (text !== '' && grownBytes < Number.POSITIVE_INFINITY) await storage.append(text);
      return rewrite();
    }
    grownBytes += text.length;
    if (text !== '') await storage.append(text);
    if (mustSync) await storage.sync();
  }

  async function write(): Promise<void> {
    // Everything that is appended in the same turn goes into the same write.
    await null;
    while (queue.length > 0 || waiters.length > 0 || (fault !== null && !retry)) {
      const served = waiters;
      try {
        const done = writeOnce();
        waiters = [];
        await done;
        if (fault !== null) log.info({}, 'the journal can be written again');
        fault = null;
        for (const waiter of served) waiter.resolve();
      } catch (error) {
        failed(error as Error, served);
        return;
      }
    }
  }

  function failed(error: Error, served: readonly Waiter[]): void {
    if (fault === null) log.error({ err: error }, 'the journal cannot be written: new tasks are refused until it can');
    fault = error.message;
    for (const waiter of served.filter(({ patient }) => !patient)) waiter.reject(new JournalFault(error.message));
    waiters.push(...served.filter(({ patient }) => patient));
    retry = setTimeout(() => {
      retry = undefined;
      wake();
    }, retryMs);
    retry.unref();
  }

  function wake(): void {
    if (retry || closed) return;
    writing ??= write().finally(() => {
      writing = null;
      if (queue.length > 0 || waiters.length > 0) wake();
    });
  }

  function wait(patient: boolean): Promise<void> {
    if (closed) return Promise.reject(new JournalFault('the agent is stopping'));
    if (fault !== null && !patient) return Promise.reject(new JournalFault(fault));
    return new Promise((resolve, reject) => {
      waiters.push({ patient, resolve, reject });
      wake();
    });
  }

  const journal: Journal = {
    state,
    get fault() {
      return fault;
    },
    append(entry) {
      applyEntry(state, entry);
      queue.push(encodeEntry(entry));
      wake();
    },
    durable: () => wait(false),
    eventuallyDurable: () => wait(true),
    async close() {
      if (closed) return;
      await wait(false).catch(() => {});
      closed = true;
      clearTimeout(retry);
      await writing;
      await storage.close();
    },
  };
  // The first write compacts. If the disk is full the agent starts nevertheless: tasks run that it must look after.
  await journal.durable().catch(() => {});
  return journal;
}

async function* asText(entries: readonly Entry[], count: (bytes: number) => void): AsyncGenerator<string> {
  for (let from = 0; from < entries.length; from += entriesPerTurn) {
    const text = entries
      .slice(from, from + entriesPerTurn)
      .map(encodeEntry)
      .join('');
    count(text.length);
    yield text;
    await nextTurn();
  }
}
