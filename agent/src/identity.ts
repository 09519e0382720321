// Who this host is: its key and certificate, and the authority it trusts. The key is made here and never leaves the
// host. One file, so that key and certificate are replaced together.
import { createHash, createPublicKey, webcrypto, X509Certificate } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { hostIdSchema } from '@berth/contract';
import { z } from 'zod';

const identitySchema = z.object({
  hostId: hostIdSchema,
  /** PEM, PKCS #8. */
  key: z.string(),
  /** PEM. */
  certificate: z.string(),
  /** PEM: the authority whose gateways are to be trusted. */
  authority: z.string(),
  /** When the certificate was received: it may begin earlier, for the sake of clocks that are behind. */
  obtainedAtMs: z.number(),
});
export type Identity = Readonly<z.output<typeof identitySchema>>;

export interface KeyRequest {
  readonly key: string;
  /** PEM, PKCS #10. */
  readonly csr: string;
  /** DER of the public key, to tell whether a certificate is for it. */
  readonly publicKey: Buffer;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** A fresh P-256 key and the request to certify it. */
export async function newKeyRequest(name: string): Promise<KeyRequest> {
  // Needed once a day, and large: a small agent starts its containers' programs faster.
  await import('reflect-metadata');
  const { cryptoProvider, Pkcs10CertificateRequestGenerator } = await import('@peculiar/x509');
  cryptoProvider.set(webcrypto as never);
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  // The authority decides what the certificate says; the name is for people who read the request.
  const subject = [{ CN: [name.replace(/[^\w.-]/g, '-').slice(0, 64)] }];
  const request = await Pkcs10CertificateRequestGenerator.create({ name: subject, keys: keys as never, signingAlgorithm: algorithm });
  return {
    key: pemOf(Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)), 'PRIVATE KEY'),
    csr: request.toString('pem'),
    publicKey: Buffer.from(await webcrypto.subtle.exportKey('spki', keys.publicKey)),
  };
}

/** @throws Error when the certificate is for another key. */
export function assertCertifies(certificate: string, { publicKey }: KeyRequest): void {
  const certified = new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' });
  if (!certified.equals(publicKey))
    throw new Error('The gateway answered with a certificate for another key. Enrol again with a new host token.');
}

export function validity(certificate: string): { fromMs: number; untilMs: number } {
  const { validFrom, validTo } = new X509Certificate(certificate);
  return { fromMs: Date.parse(validFrom), untilMs: Date.parse(validTo) };
}

export function pemOf(der: Buffer, label: 'CERTIFICATE' | 'PRIVATE KEY'): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}

/** SHA-256 of a certificate's DER, in hex. */
export function fingerprintOf(certificate: string): string {
  return createHash('sha256').update(new X509Certificate(certificate).raw).digest('hex');
}

function identityPath(dataDirectory: string): string {
  return join(dataDirectory, 'identity', 'identity.json');
}

/** @returns null when the host was never enrolled. @throws when the file is there and can't be used. */
export async function loadIdentity(dataDirectory: string): Promise<Identity | null> {
  const path = identityPath(dataDirectory);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (text === null) return null;
  try {
    return identitySchema.parse(JSON.parse(text));
  } catch (error) {
    throw new Error(`${path} is damaged. Move it away and start the agent with a new host token.`, { cause: error });
  }
}

/**
 * The key to enrol with: the same one until a certificate is there. Whoever asks again with it, because an answer was
 * lost, gets the same host and needs no other token.
 */
export async function enrolmentRequest(dataDirectory: string, name: string): Promise<KeyRequest> {
  const path = requestPath(dataDirectory);
  const text = await readFile(path, 'utf8').catch(() => null);
  const kept = text === null ? null : keptRequest(text);
  if (kept) return kept;
  const made = await newKeyRequest(name);
  await writePrivate(path, JSON.stringify({ key: made.key, csr: made.csr }));
  return made;
}

/** Null for what is damaged: a new key does as well. */
function keptRequest(text: string): KeyRequest | null {
  try {
    const { key, csr } = z.object({ key: z.string(), csr: z.string() }).parse(JSON.parse(text));
    return { key, csr, publicKey: createPublicKey(key).export({ type: 'spki', format: 'der' }) };
  } catch {
    return null;
  }
}

function requestPath(dataDirectory: string): string {
  return join(dataDirectory, 'identity', 'request.json');
}

export async function saveIdentity(dataDirectory: string, identity: Identity): Promise<void> {
  await writePrivate(identityPath(dataDirectory), JSON.stringify(identity));
  await rm(requestPath(dataDirectory), { force: true });
}

/** Replaces the file in one step. */
async function writePrivate(path: string, text: string): Promise<void> {
  await mkdir(join(path, '..'), { recursive: true, mode: 0o700 });
  const file = await open(`${path}.new`, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
}
