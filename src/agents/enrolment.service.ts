// How a machine becomes a host: a one-use token buys a certificate, and the certificate buys the next one.
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { type CertificateResponse, type CreateHostToken, type HostId, parseHostToken } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { DataSource } from 'typeorm';
import type { Config } from '../config.js';
import { CONFIG, LOGGER } from '../db/db.module.js';
import { ApiError, notFound } from '../errors.js';
import { keyHashOf } from './certificates.service.js';
import { insertHostToken, redeemHostToken } from './host-tokens.store.js';
import { hostExists } from './hosts.store.js';
import { Authority } from './pki.service.js';

@Injectable()
export class Enrolment {
  constructor(
    @Inject(CONFIG) private readonly config: Pick<Config, 'gateway'>,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(DataSource) private readonly db: DataSource,
    @Inject(Authority) private readonly authority: Authority,
  ) {}

  /** A new bootstrap token. It is in no log and can't be shown again. */
  async createToken(order: CreateHostToken): Promise<{ token: string; gatewayUrl: string; expiresAt: string }> {
    const secret = randomBytes(32).toString('base64url');
    const { expiresAt } = await insertHostToken(this.db, sha256(secret), order);
    return {
      token: `berth-host.${secret}.${this.authority.fingerprint}`,
      gatewayUrl: this.config.gateway.url,
      expiresAt: expiresAt.toISOString(),
    };
  }

  /**
   * Makes a host of whoever holds a good token. The request is checked first, so that a bad one spends no token; asking
   * again with the same token and key gives the same host.
   * @throws ApiError bad_host_token, or invalid_request for the certificate request.
   */
  async enrol(request: { token: string; name: string; csr: string }): Promise<CertificateResponse> {
    const token = parseHostToken(request.token);
    if (!token || token.authorityFingerprint !== this.authority.fingerprint) throw new ApiError('bad_host_token');
    const wanted = { id: randomUUID() as HostId, name: request.name, keyHash: await keyHashOf(request.csr) };
    const host = await redeemHostToken(this.db, sha256(token.secret), wanted);
    if (!host) throw new ApiError('bad_host_token');
    this.logger.info({ hostId: host.hostId, name: request.name, again: !host.isNew }, 'host enrolled');
    return this.authority.newHostCertificate(host.hostId, request.csr);
  }

  /** @throws ApiError not_found if the host is no longer in the database, or invalid_request for the request. */
  async renew(hostId: HostId, csr: string): Promise<CertificateResponse> {
    if (!(await hostExists(this.db, hostId))) throw notFound('host', hostId);
    return this.authority.newHostCertificate(hostId, csr);
  }
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
