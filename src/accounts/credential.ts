// What a request shows to say who is calling: a header, or the session's cookie. And whether a page of ours made it, which
// a cookie alone does not say: browsers send it along with whatever any page asks for.
import { createHash } from 'node:crypto';

export interface Credential {
  readonly transport: 'bearer' | 'cookie';
  readonly token: string;
}

type Headers = Readonly<Record<string, string | string[] | undefined>>;

export const sessionCookie = 'berth_session';
/** A browser takes such a cookie only over TLS, for this host alone and all of its paths (RFC 6265bis, 4.1.3.2). */
export const secureSessionCookie = `__Host-${sessionCookie}`;

/** A header wins: a program sends it on purpose. One that can't be read counts as one that is wrong, not as none. */
export function credentialOf(headers: Headers): Credential | null {
  const { authorization, cookie } = headers;
  if (authorization !== undefined) {
    const token = bearerOf(String(authorization));
    return token === null ? null : { transport: 'bearer', token };
  }
  const token = cookieOf(String(cookie ?? ''), secureSessionCookie) ?? cookieOf(String(cookie ?? ''), sessionCookie);
  return token === null ? null : { transport: 'cookie', token };
}

/** The key in `Authorization: Bearer KEY` (RFC 6750; the scheme's case does not matter). */
export function bearerOf(header: string | undefined): string | null {
  return /^bearer +([\x21-\x7e]{1,512}) *$/i.exec(header ?? '')?.[1] ?? null;
}

/** @returns null if there is none of this name, or it has characters that no cookie of ours has. */
export function cookieOf(header: string, name: string): string | null {
  for (const pair of header.slice(0, 8192).split(';')) {
    const at = pair.indexOf('=');
    if (at < 0 || pair.slice(0, at).trim() !== name) continue;
    const value = pair.slice(at + 1).trim();
    return /^[A-Za-z0-9._~-]{1,2048}$/.test(value) ? value : null;
  }
  return null;
}

/**
 * Whether a page of this site, or of one that the operator allows, made the request. Browsers name the page's origin
 * with whatever is no plain GET; a request that names none is nobody's page.
 */
export function isOwnOrigin({ origin, host }: Headers, own: readonly string[]): boolean {
  if (typeof origin !== 'string') return false;
  return own.includes(origin) || (URL.canParse(origin) && new URL(origin).host === host);
}

export function hashToken(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
