// The form of session tokens, unlike that of API keys: `berth_session_` and 256 random bits, of which the SHA-256 is kept.
const form = /^berth_session_[A-Za-z0-9_-]{43}$/;

/** @param random at least 32 random bytes. */
export function formatSessionToken(random: Buffer): string {
  return `berth_session_${random.subarray(0, 32).toString('base64url')}`;
}

export function isSessionToken(text: string): boolean {
  return form.test(text);
}
