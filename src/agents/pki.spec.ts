import 'reflect-metadata';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HostId } from '@berth/contract';
import * as x509 from '@peculiar/x509';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Authority } from './pki.service.js';

const hostId = '3f0e6a52-9f0a-4c7e-8a2b-1d2f3e4a5b6c' as HostId;
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'berth-test-pki-'));
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

async function newCsr(algorithm: object): Promise<string> {
  const keys = (await crypto.subtle.generateKey(algorithm as never, true, ['sign', 'verify'])) as never;
  return (await x509.Pkcs10CertificateRequestGenerator.create({ name: 'CN=me', keys, signingAlgorithm: algorithm as never })).toString(
    'pem',
  );
}

const p256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

describe('Authority.open', () => {
  it('makes one authority, which only its owner can read, and finds it again', async () => {
    const place = join(directory, 'a', 'b');
    const { fingerprint } = await Authority.open(place);
    expect((await Authority.open(place)).fingerprint).toBe(fingerprint);
    expect(await readdir(place)).toEqual(['host-authority.pem']);
    expect((await stat(join(place, 'host-authority.pem'))).mode & 0o777).toBe(0o600);
  });

  it('comes to one authority however many replicas start at once', async () => {
    const all = await Promise.all(Array.from({ length: 8 }, () => Authority.open(directory)));
    expect(new Set(all.map(({ fingerprint }) => fingerprint)).size).toBe(1);
    expect(await readdir(directory)).toEqual(['host-authority.pem']);
  });

  it('refuses a damaged file instead of making a new authority', async () => {
    await writeFile(join(directory, 'host-authority.pem'), 'damaged');
    await expect(Authority.open(directory)).rejects.toThrow(/host-authority\.pem is damaged: restore it from a backup/);
  });
});

describe('certificates of hosts', () => {
  it.each([
    ['P-256', p256],
    ['Ed25519', { name: 'Ed25519' }],
  ])('are made for %s keys, with our names only', async (_, algorithm) => {
    const authority = await Authority.open(directory, 60_000);
    const response = await authority.newHostCertificate(hostId, await newCsr(algorithm));
    const certificate = new X509Certificate(response.certificate);
    expect(certificate.verify(new X509Certificate(authority.certificatePem).publicKey)).toBe(true);
    expect(certificate).toMatchObject({ subject: `CN=${hostId}`, subjectAltName: `URI:spiffe://berth/host/${hostId}`, ca: false });
    expect(Date.parse(response.notAfter) - Date.now()).toBeLessThanOrEqual(60_000);
  });

  it.each([
    ['P-384', { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' }],
    ['RSA', { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' }],
  ])('are not made for %s keys', async (_, algorithm) => {
    const authority = await Authority.open(directory);
    await expect(authority.newHostCertificate(hostId, await newCsr(algorithm))).rejects.toMatchObject({
      code: 'invalid_request',
      field: 'csr',
    });
  });

  it('are not made for a request that its key did not sign', async () => {
    const authority = await Authority.open(directory);
    const der = new Uint8Array(x509.PemConverter.decode(await newCsr(p256))[0] as ArrayBuffer);
    const end = der.length - 4;
    der[end] = (der[end] ?? 0) ^ 1;
    const forged = x509.PemConverter.encode(der, 'CERTIFICATE REQUEST');
    await expect(authority.newHostCertificate(hostId, forged)).rejects.toMatchObject({ code: 'invalid_request', field: 'csr' });
    await expect(authority.newHostCertificate(hostId, 'nonsense')).rejects.toMatchObject({ code: 'invalid_request', field: 'csr' });
  });
});
