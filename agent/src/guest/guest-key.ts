// The host's key for ids and session tokens of its tasks: made once, kept beside the agent's identity.
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const keyBytes = 32;

/** A key that is lost or damaged is made anew: containers that run then don't find their metadata, and nothing worse. */
export function guestKey(dataDirectory: string): Buffer {
  const file = join(dataDirectory, 'identity', 'guest.key');
  const known = read(file);
  if (known?.length === keyBytes) return known;
  const key = randomBytes(keyBytes);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(`${file}.new`, key, { mode: 0o600 });
  renameSync(`${file}.new`, file);
  return key;
}

function read(file: string): Buffer | null {
  try {
    return readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
