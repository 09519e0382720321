// The CLI's file of contexts: adds this Berth as the current one, or takes it out. Other contexts are left alone.
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

export interface Context {
  readonly url: string;
  readonly apiKey: string;
  readonly operatorKey: string;
}

export interface ContextFile {
  readonly current?: string;
  readonly contexts: Readonly<Record<string, object>>;
}

export function withContext(file: ContextFile, name: string, context: Context): ContextFile {
  return { ...file, current: name, contexts: { ...file.contexts, [name]: context } };
}

/** If it was the current one, any that is left takes its place. */
export function withoutContext(file: ContextFile, name: string): ContextFile {
  const { [name]: _, ...contexts } = file.contexts;
  const [next] = Object.keys(contexts);
  return { ...file, current: file.current === name ? next : file.current, contexts };
}

/** Reads, changes and replaces the file in one step. It holds keys, so it is its owner's alone. */
export async function changeContexts(path: string, change: (file: ContextFile) => ContextFile): Promise<void> {
  const fresh = `${path}.new`;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(fresh, `${JSON.stringify(change(await read(path)), null, 2)}\n`, { mode: 0o600 });
  await rename(fresh, path);
}

async function read(path: string): Promise<ContextFile> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (text === null) return { contexts: {} };
  try {
    const file = JSON.parse(text) as ContextFile;
    return { ...file, contexts: { ...file.contexts } };
  } catch (error) {
    throw new Error(`${path} is damaged (${(error as Error).message}). Repair or remove it, then run the same command again.`);
  }
}
