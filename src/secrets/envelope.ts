// Seals values with AES-256-GCM: nonce, ciphertext and tag in one piece. Each is bound to what it belongs to, so that
// a row that was moved to another place can't be opened there.
import { createCipheriv, createDecipheriv } from 'node:crypto';

export const keyBytes = 32;
export const nonceBytes = 12;
const tagBytes = 16;
const cipherName = 'aes-256-gcm';

/** @param nonce never used with this key before: 12 random bytes; @param belongsTo must be said again to open it. */
export function seal(key: Buffer, nonce: Buffer, belongsTo: string, value: Buffer): Buffer {
  const cipher = createCipheriv(cipherName, key, nonce, { authTagLength: tagBytes });
  cipher.setAAD(Buffer.from(belongsTo));
  return Buffer.concat([nonce, cipher.update(value), cipher.final(), cipher.getAuthTag()]);
}

/** @throws Error if it was sealed with another key or for another place, or was changed. */
export function open(key: Buffer, belongsTo: string, sealed: Buffer): Buffer {
  const decipher = createDecipheriv(cipherName, key, sealed.subarray(0, nonceBytes), { authTagLength: tagBytes });
  decipher.setAAD(Buffer.from(belongsTo));
  decipher.setAuthTag(sealed.subarray(-tagBytes));
  return Buffer.concat([decipher.update(sealed.subarray(nonceBytes, -tagBytes)), decipher.final()]);
}
