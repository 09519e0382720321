// Keeps logs as files in a directory of the control plane's: the default. Several replicas must see the same directory.
import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { LogStore } from './log-store.js';

export class DirectoryLogStore implements LogStore {
  constructor(private readonly directory: string) {}

  async put(key: string, body: Buffer): Promise<void> {
    const path = join(this.directory, key);
    const draft = `${path}.${randomBytes(6).toString('hex')}`;
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    try {
      const file = await open(draft, 'wx', 0o600);
      try {
        await file.writeFile(body);
        // Who sent it may forget it when we have answered.
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(draft, path);
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
  }

  async get(key: string): Promise<Buffer | null> {
    return readFile(join(this.directory, key)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
  }

  async removeAll(prefix: string): Promise<void> {
    await rm(join(this.directory, prefix), { recursive: true, force: true });
  }
}
