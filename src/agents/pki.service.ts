// The platform's certificate authority for hosts: one file in `config.pkiDir`, made once. Several replicas may share the
// directory, also at their first start.
import { createHash, randomUUID } from 'node:crypto';
import { link, mkdir, open, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { CertificateResponse, HostId } from '@berth/contract';
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
    const pem = (await read(file)) ?? (await createOnce(file, await newAuthorityPem()));
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

async function read(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Writes the whole file or nothing; if another process was first, its content is the answer. */
async function createOnce(file: string, content: string): Promise<string> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const fresh = `${file}.${randomUUID()}`;
  try {
    const handle = await open(fresh, 'wx', 0o600);
    await handle.writeFile(content);
    await handle.sync();
    await handle.close();
    await link(fresh, file);
    return content;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return await readFile(file, 'utf8');
  } finally {
    await rm(fresh, { force: true });
  }
}
