// Signs what the platform says about a task, so that anybody can check it who trusts this control plane: a JWT with
// ES256 (RFC 7519), whose keys are found by OpenID Connect discovery. One key file for each slot of time, in `pkiDir`.
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import { calculateJwkThumbprint, exportJWK, exportPKCS8, generateKeyPair, importPKCS8, type JWK, SignJWT } from 'jose';
import type { Config } from '../config.js';
import { CONFIG } from '../db/db.module.js';
import { readIfThere, readOrMake } from './key-files.service.js';
import { publishedSlots, slotAt } from './key-slots.js';

const algorithm = 'ES256';
/** As short as AWS STS and Vault are content with; agents ask for the next one when half of it is over. */
export const tokenSeconds = 3600;

export interface SigningKey {
  readonly private: Awaited<ReturnType<typeof importPKCS8>>;
  readonly public: JWK & { readonly kid: string };
}

export interface SignedToken {
  readonly token: string;
  readonly issuedAt: Date;
  readonly expiresAt: Date;
}

@Injectable()
export class Identity {
  private readonly keys = new Map<number, Promise<SigningKey>>();

  constructor(@Inject(CONFIG) private readonly config: Pick<Config, 'pkiDir' | 'publicUrl'>) {}

  get issuer(): string {
    return this.config.publicUrl;
  }

  /**
   * @param subject what the token is about; @param audience who is to believe it.
   * @throws Error when the keys in `pkiDir` can't be read or made.
   */
  async sign(subject: string, audience: string, claims: Readonly<Record<string, unknown>>): Promise<SignedToken> {
    const nowMs = Date.now();
    const key = await this.key(slotAt(nowMs));
    const issuedAtSeconds = Math.floor(nowMs / 1000);
    const token = await new SignJWT({ ...claims })
      .setProtectedHeader({ alg: algorithm, typ: 'JWT', kid: key.public.kid })
      .setIssuer(this.issuer)
      .setSubject(subject)
      .setAudience(audience)
      .setJti(randomUUID())
      .setIssuedAt(issuedAtSeconds)
      .setNotBefore(issuedAtSeconds)
      .setExpirationTime(issuedAtSeconds + tokenSeconds)
      .sign(key.private);
    return { token, issuedAt: new Date(issuedAtSeconds * 1000), expiresAt: new Date((issuedAtSeconds + tokenSeconds) * 1000) };
  }

  /** The public keys of the slot that is, of the next one, and of the last one if it had any. */
  async publicKeys(): Promise<JWK[]> {
    const [last = 0, ...current] = publishedSlots(Date.now());
    const hadOne = (await readIfThere(this.file(last))) !== null;
    const keys = await Promise.all((hadOne ? [last, ...current] : current).map((slot) => this.key(slot)));
    return keys.map((key) => key.public);
  }

  private key(slot: number): Promise<SigningKey> {
    let key = this.keys.get(slot);
    if (!key) {
      key = openKey(this.file(slot));
      this.keys.set(slot, key);
      // The next request tries again.
      key.catch(() => this.keys.delete(slot));
    }
    return key;
  }

  private file(slot: number): string {
    return join(this.config.pkiDir, `identity-${slot}.pem`);
  }
}

async function openKey(file: string): Promise<SigningKey> {
  const pem = await readOrMake(file, newKeyPem);
  try {
    const key = await importPKCS8(pem, algorithm, { extractable: true });
    const { kty, crv, x, y } = await exportJWK(key);
    const publicKey = { kty, crv, x, y } as JWK;
    return { private: key, public: { ...publicKey, kid: await calculateJwkThumbprint(publicKey), alg: algorithm, use: 'sig' } };
  } catch (cause) {
    throw new Error(`${file} is damaged: restore it from a backup, or remove it; tokens that it signed are then good for nothing.`, {
      cause,
    });
  }
}

async function newKeyPem(): Promise<string> {
  const { privateKey } = await generateKeyPair(algorithm, { extractable: true });
  return exportPKCS8(privateKey);
}
