// Makes certificates: the authority's own, the gateway's, and the hosts'. Keeps none of them. From a request it takes
// only the public key: every name in a certificate is ours.
import 'reflect-metadata';
import { createHash, randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import type { HostId } from '@berth/contract';
import * as x509 from '@peculiar/x509';
import { ApiError } from '../errors.js';
import { hostUri } from './peer-identity.js';

x509.cryptoProvider.set(webcrypto);

const p256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const dayMs = 24 * 60 * 60 * 1000;
/** Certificates begin this long ago, so that a machine whose clock is behind accepts them. */
const backdatedMs = dayMs;
const serverAuth = '1.3.6.1.5.5.7.3.1';
const clientAuth = '1.3.6.1.5.5.7.3.2';

export interface Issuer {
  readonly certificate: x509.X509Certificate;
  readonly key: webcrypto.CryptoKey;
}

/** Key and certificate as PEM, one after the other: one file, so that they can't be mismatched. */
export async function newAuthorityPem(): Promise<string> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: 'CN=Berth hosts',
    ...validity(10 * 365 * dayMs),
    signingAlgorithm: p256,
    keys: keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return `${await privateKeyPem(keys.privateKey)}\n${certificate.toString('pem')}\n`;
}

/** @throws Error when the text is not what `newAuthorityPem` makes. */
export async function readAuthorityPem(pem: string): Promise<Issuer> {
  const [keyDer, certificateDer] = x509.PemConverter.decode(pem);
  if (!keyDer || !certificateDer) throw new Error('it does not hold a key and a certificate');
  const key = await webcrypto.subtle.importKey('pkcs8', keyDer, p256, false, ['sign']);
  return { key, certificate: new x509.X509Certificate(certificateDer) };
}

/** A key and a certificate for the gateway under these host names and addresses. */
export async function newServerCertificate(
  issuer: Issuer,
  names: readonly string[],
  validMs: number,
): Promise<{ key: string; cert: string }> {
  const keys = await newKeys();
  const certificate = await issue(issuer, {
    publicKey: keys.publicKey,
    subject: 'CN=Berth gateway',
    names: names.map((name) => ({ type: isIP(name) ? 'ip' : 'dns', value: name })),
    usage: serverAuth,
    validMs,
  });
  return { key: await privateKeyPem(keys.privateKey), cert: certificate.toString('pem') };
}

/** @throws ApiError invalid_request when the request is malformed, unsigned, or its key is of another kind. */
export async function newHostCertificate(issuer: Issuer, hostId: HostId, csrPem: string, validMs: number): Promise<x509.X509Certificate> {
  return issue(issuer, {
    publicKey: await checkedPublicKey(csrPem),
    subject: `CN=${hostId}`,
    names: [{ type: 'url', value: hostUri(hostId) }],
    usage: clientAuth,
    validMs,
  });
}

/** SHA-256 of the key that a request is for. @throws ApiError invalid_request as `newHostCertificate` */
export async function keyHashOf(csrPem: string): Promise<Buffer> {
  const { rawData } = await checkedPublicKey(csrPem);
  return createHash('sha256').update(Buffer.from(rawData)).digest();
}

async function checkedPublicKey(csrPem: string): Promise<x509.PublicKey> {
  const refuse = (detail: string, cause?: unknown) => new ApiError('invalid_request', { detail }, { field: 'csr', cause });
  let csr: x509.Pkcs10CertificateRequest;
  let isSigned: boolean;
  try {
    csr = new x509.Pkcs10CertificateRequest(csrPem);
    isSigned = await csr.verify();
  } catch (cause) {
    throw refuse('must be a PKCS #10 certificate request in PEM', cause);
  }
  if (!isSigned) throw refuse('is not signed by the key in it');
  const { name, namedCurve } = csr.publicKey.algorithm as { name: string; namedCurve?: string };
  if (name !== 'Ed25519' && !(name === 'ECDSA' && namedCurve === 'P-256')) throw refuse('must have a P-256 or an Ed25519 key');
  return csr.publicKey;
}

interface Order {
  publicKey: x509.PublicKeyType;
  subject: string;
  names: x509.JsonGeneralNames;
  usage: string;
  validMs: number;
}

async function issue({ certificate, key }: Issuer, order: Order): Promise<x509.X509Certificate> {
  return x509.X509CertificateGenerator.create({
    serialNumber: newSerial(),
    issuer: certificate.subject,
    subject: order.subject,
    ...validity(order.validMs),
    signingAlgorithm: p256,
    publicKey: order.publicKey,
    signingKey: key,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([order.usage], true),
      new x509.SubjectAlternativeNameExtension(order.names),
      await x509.AuthorityKeyIdentifierExtension.create(certificate),
    ],
  });
}

async function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(p256, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
}

async function privateKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

/** 127 random bits: positive, and never twice (RFC 5280, 4.1.2.2). */
function newSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}

function validity(validMs: number): { notBefore: Date; notAfter: Date } {
  const now = Date.now();
  return { notBefore: new Date(now - backdatedMs), notAfter: new Date(now + validMs) };
}
