// A certificate authority for tests: what the control plane's does, as small as it can be.
import 'reflect-metadata';
import { createHash, randomBytes, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

x509.cryptoProvider.set(webcrypto as never);

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

export interface TestAuthority {
  readonly pem: string;
  readonly fingerprint: string;
  server(): Promise<{ key: string; cert: string }>;
  /** @param lifeMs from now on. */
  client(csr: string, hostId: string, lifeMs: number): Promise<{ certificate: string; notAfter: string }>;
}

const newKeys = () => webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
const life = (ms: number) => ({ notBefore: new Date(Date.now() - 3_600_000), notAfter: new Date(Date.now() + ms) });
const serial = () => `40${randomBytes(8).toString('hex')}`;

export async function newAuthority(): Promise<TestAuthority> {
  const keys = await newKeys();
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: 'CN=Test authority',
    ...life(3_600_000),
    signingAlgorithm: algorithm,
    keys: keys as never,
    extensions: [new x509.BasicConstraintsExtension(true, 0, true), new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true)],
  });
  const pem = root.toString('pem');

  const issue = (subject: string, publicKey: x509.PublicKeyType, names: x509.JsonGeneralNames, usage: string, lifeMs: number) =>
    x509.X509CertificateGenerator.create({
      serialNumber: serial(),
      subject,
      issuer: root.subject,
      ...life(lifeMs),
      signingAlgorithm: algorithm,
      publicKey,
      signingKey: keys.privateKey as never,
      extensions: [new x509.ExtendedKeyUsageExtension([usage], true), new x509.SubjectAlternativeNameExtension(names)],
    });

  return {
    pem,
    fingerprint: createHash('sha256').update(new Uint8Array(root.rawData)).digest('hex'),
    async server() {
      const own = await newKeys();
      const certificate = await issue(
        'CN=gateway',
        own.publicKey as never,
        [{ type: 'ip', value: '127.0.0.1' }],
        '1.3.6.1.5.5.7.3.1',
        3_600_000,
      );
      const key = x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', own.privateKey), 'PRIVATE KEY');
      return { key, cert: `${certificate.toString('pem')}\n${pem}` };
    },
    async client(csr, hostId, lifeMs) {
      const request = new x509.Pkcs10CertificateRequest(csr);
      if (!(await request.verify())) throw new Error('bad request');
      const names = [{ type: 'url' as const, value: `spiffe://berth/host/${hostId}` }];
      const certificate = await issue(`CN=${hostId}`, request.publicKey, names, '1.3.6.1.5.5.7.3.2', lifeMs);
      return { certificate: certificate.toString('pem'), notAfter: certificate.notAfter.toISOString() };
    },
  };
}
