// The platform's certificate authority for hosts: one file in `config.pkiDir`, made once. Several replicas may share the
// directory, also at their first start.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { CertificateResponse, HostId } from '@berth/contract';
import { readOrMake } from '../identity/key-files.service.js';
import { type Issuer, newAuthorityPem, newHostCertificate, newServerCertificate, readAuthorityPem } from './certificates.service.js';

const dayMs = 24 * 60 * 60 * 1000;

export class Authority {
  /** For agents to trust. */
  readonly certificatePem: string;
  /** SHA-256 of the certificate's DER in hex, as host tokens carry it. */
  readonly fingerprint: string;

  private constructor(
    private readonly issuer: Issuer,
    private readonly hostCertificateMs: number,
  ) {
    this.certificatePem = issuer.certificate.toString('pem');
    this.fingerprint = createHash('sha256').update(Buffer.from(issuer.certificate.rawData)).digest('hex');
  }

  /**
   * Reads the authority in `directory`, or makes it.
   * @param hostCertificateMs for how long hosts' certificates are good.
   * @throws Error when the file can't be read or made, or holds something else.
   */
  static async open(directory: string, hostCertificateMs = dayMs): Promise<Authority> {
    const file = join(directory, 'host-authority.pem');
    const pem = await readOrMake(file, newAuthorityPem);
    try {
      return new Authority(await readAuthorityPem(pem), hostCertificateMs);
    } catch (cause) {
      throw new Error(`${file} is damaged: restore it from a backup. Without it every host has to be enrolled again.`, { cause });
    }
  }

  /** PEM for the gateway's TLS. Good for 90 days: the gateway asks for a new one long before. */
  newServerCertificate(names: readonly string[]): Promise<{ key: string; cert: string }> {
    return newServerCertificate(this.issuer, names, 90 * dayMs);
  }

  /** @throws ApiError invalid_request when the certificate request is not acceptable. */
  async newHostCertificate(hostId: HostId, csr: string): Promise<CertificateResponse> {
    const certificate = await newHostCertificate(this.issuer, hostId, csr, this.hostCertificateMs);
    return {
      hostId,
      certificate: certificate.toString('pem'),
      authority: this.certificatePem,
      notAfter: certificate.notAfter.toISOString(),
    };
  }
}
