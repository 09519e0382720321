// The form of API keys. `berth_<prefix>_<secret>`: the prefix is shown in lists, the secret has 256 random bits, and
// only the SHA-256 of the whole is kept: with that many bits a slow hash would add nothing.

const form = /^berth_([0-9a-f]{8})_[A-Za-z0-9_-]{43}$/;

/** @param random at least 36 random bytes. */
export function formatApiKey(random: Buffer): { key: string; prefix: string } {
  const prefix = random.subarray(0, 4).toString('hex');
  return { key: `berth_${prefix}_${random.subarray(4, 36).toString('base64url')}`, prefix };
}

export function isApiKey(text: string): boolean {
  return form.test(text);
}

/** As AWS' access key ids: 20 capital letters and digits. @param random at least 16 random bytes. */
export function formatAccessKeyId(random: Buffer): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  return `BRTH${[...random.subarray(0, 16)].map((byte) => alphabet[byte % alphabet.length]).join('')}`;
}

/** 40 characters, as AWS' secret access keys. @param random at least 30 random bytes. */
export function formatSecretAccessKey(random: Buffer): string {
  return random.subarray(0, 30).toString('base64');
}

/** When the key that takes another's place expires, if nothing is said: it lives as long as that one was to live. */
export function expiryOfNext(previous: { createdAt: Date; expiresAt: Date | null }, nowMs: number): Date | null {
  return previous.expiresAt && new Date(nowMs + previous.expiresAt.getTime() - previous.createdAt.getTime());
}
