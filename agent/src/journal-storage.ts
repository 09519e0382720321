// Where a journal's lines are kept: a file for a host, memory for simulated ones. The journal calls one verb at a time.
import { type FileHandle, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
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

/** A rename is durable when its directory is. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
