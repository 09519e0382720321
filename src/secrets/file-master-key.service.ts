// A key above all keys, from a file that only the control plane can read: it wraps tenants' data keys.
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { keyBytes, nonceBytes, open, seal } from './envelope.js';
import type { MasterKey } from './master-key.js';

export class FileMasterKey implements MasterKey {
  readonly id: string;

  private constructor(private readonly key: Buffer) {
    this.id = createHash('sha256').update('berth master key id').update(key).digest('hex').slice(0, 16);
  }

  /**
   * @param file 32 bytes in base64
   * @param makeIfMissing else a missing file is an error: a new key would open nothing that was sealed before
   * @throws Error that says what is wrong with the file
   */
  static open(file: string, makeIfMissing: boolean): FileMasterKey {
    if (makeIfMissing) makeKey(file);
    const key = Buffer.from(readFileSync(file, 'utf8').trim(), 'base64');
    if (key.length !== keyBytes) throw new Error(`The master key in ${file} must be ${keyBytes} bytes in base64.`);
    return new FileMasterKey(key);
  }

  /** 32 bytes that only who has the key can name, the same each time. @param purpose whose they are, and which */
  derive(purpose: string): Buffer {
    return createHmac('sha256', this.key).update(`berth derived key\0${purpose}`).digest();
  }

  async wrap(tenantId: string, dataKey: Buffer): Promise<Buffer> {
    return seal(this.key, randomBytes(nonceBytes), `data-key/${tenantId}`, dataKey);
  }

  /** @throws Error if it was wrapped by another key. */
  async unwrap(tenantId: string, wrapped: Buffer): Promise<Buffer> {
    return open(this.key, `data-key/${tenantId}`, wrapped);
  }
}

/** Of several replicas that start at one time, one makes it: a file appears whole, or it is another's. */
function makeKey(file: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const fresh = `${file}.${process.pid}`;
  writeFileSync(fresh, `${randomBytes(keyBytes).toString('base64')}\n`, { mode: 0o600 });
  try {
    linkSync(fresh, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(fresh);
  }
}
