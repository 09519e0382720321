// The form of API keys. `berth_<prefix>_<secret>`: the prefix is shown in lists, the secret has 256 random bits, and
// only the SHA-256 of the whole is kept: with that many bits a slow hash would add nothing.
import { createHash } from 'node:crypto';

const form = /^berth_([0-9a-f]{8})_[A-Za-z0-9_-]{43}$/;

/** @param random at least 36 random bytes. */
export function formatApiKey(random: Buffer): { key: string; prefix: string } {
  const prefix = random.subarray(0, 4).toString('hex');
  return { key: `berth_${prefix}_${random.subarray(4, 36).toString('base64url')}`, prefix };
}

export function isApiKey(text: string): boolean {
  return form.test(text);
}

export function hashApiKey(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

/** The key in `Authorization: Bearer KEY` (RFC 6750; the scheme's case does not matter). */
export function bearerOf(header: string | undefined): string | null {
  return /^bearer +([\x21-\x7e]{1,512}) *$/i.exec(header ?? '')?.[1] ?? null;
}
