// Keys in files that several replicas share: whoever comes first makes one, and all use that.
import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** The file's content; if there is no file, it is made of what `make` gives, readable by its owner only. */
export async function readOrMake(file: string, make: () => Promise<string>): Promise<string> {
  return (await readIfThere(file)) ?? (await makeOnce(file, await make()));
}

/** @returns null if there is no such file. */
export async function readIfThere(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Writes the whole file or nothing; if another process was first, its content is the answer. */
async function makeOnce(file: string, content: string): Promise<string> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const fresh = `${file}.${randomUUID()}`;
  try {
    const handle = await open(fresh, 'wx', 0o600);
    await handle.writeFile(content);
    await handle.sync();
    await handle.close();
    await link(fresh, file);
    return content;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return await readFile(file, 'utf8');
  } finally {
    await rm(fresh, { force: true });
  }
}
