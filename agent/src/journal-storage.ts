// Where a journal's lines are kept: a file for a host, memory for simulated ones. The journal calls one verb at a time.
import { type FileHandle, link, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

export interface JournalStorage {
  /** All that was written, as text. Empty for a new journal. */
  read(): Promise<string>;
  /** @throws when it may not have been written whole; then only `replace` may follow. */
  append(text: string): Promise<void>;
  /** Returns when what was appended survives a power cut. @throws like `append`. */
  sync(): Promise<void>;
  /** Puts `chunks` in the place of everything, wholly or not at all, and syncs. */
  replace(chunks: AsyncIterable<string> | Iterable<string>): Promise<void>;
  close(): Promise<void>;
}

/** Files of the past: enough to work a month's usage out anew, and no more than a disk can spare. */
const history = { days: 40, bytes: 256 * 1024 * 1024 } as const;

/** The file `journal.ndjson` in `directory`, which is made if it is missing. Only root may read it: it holds environments. */
export function fileStorage(directory: string): JournalStorage {
  const path = join(directory, 'journal.ndjson');
  let file: FileHandle | null = null;
  const opened = (): FileHandle => {
    if (!file) throw new Error('The journal is written to before it was replaced once.');
    return file;
  };
  return {
    async read() {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return '';
        throw error;
      });
    },
    append: (text) => opened().appendFile(text),
    sync: () => opened().datasync(),
    async replace(chunks) {
      const fresh = `${path}.new`;
      const next = await open(fresh, 'w', 0o600);
      try {
        for await (const chunk of chunks) await next.appendFile(chunk);
        await next.sync();
        await keep(path);
        await rename(fresh, path);
        await syncDirectory(dirname(path));
      } catch (error) {
        await next.close();
        await rm(fresh, { force: true }).catch(() => {});
        throw error;
      }
      await file?.close();
      file = next;
    },
    async close() {
      await file?.close();
      file = null;
    },
  };
}

/** Keeps the lines of one simulated agent for its next life in the same process. */
export function memoryStorage(): JournalStorage {
  let lines: string[] = [];
  return {
    read: async () => lines.join(''),
    append: async (text) => {
      lines.push(text);
    },
    sync: async () => {},
    replace: async (chunks) => {
      const next: string[] = [];
      for await (const chunk of chunks) next.push(chunk);
      lines = next;
    },
    close: async () => {},
  };
}

/**
 * What is about to be replaced stays in `history`, from which usage can be verified (docs/billing.md). Without promises: the
 * journal goes on when this can't be done, on a full disk above all.
 */
async function keep(path: string): Promise<void> {
  const directory = join(dirname(path), 'history');
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await link(path, join(directory, `${String(Date.now()).padStart(15, '0')}-${process.hrtime.bigint() % 1_000_000n}.ndjson`));
    await forget(directory);
  } catch {}
}

async function forget(directory: string): Promise<void> {
  let left: number = history.bytes;
  for (const name of (await readdir(directory)).sort().reverse()) {
    const file = join(directory, name);
    const { size, mtimeMs } = await stat(file);
    left -= size;
    if (left < 0 || mtimeMs < Date.now() - history.days * 86_400_000) await rm(file, { force: true });
  }
}

/** A rename is durable when its directory is. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
