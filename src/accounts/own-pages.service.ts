// Which pages may use a session's cookie: those of the API's own origin, and those that the operator allows.
import { Inject, Injectable } from '@nestjs/common';
import type { Config } from '../config.js';
import { CONFIG } from '../db/db.module.js';
import { ApiError } from '../errors.js';
import { type Credential, isOwnOrigin } from './credential.js';

type Headers = Parameters<typeof isOwnOrigin>[0];

@Injectable()
export class OwnPages {
  private readonly origins: readonly string[];
  /** Whether browsers reach us by TLS only. */
  readonly secure: boolean;

  constructor(@Inject(CONFIG) { http, publicUrl }: Config) {
    this.origins = [new URL(publicUrl).origin, ...http.origins];
    this.secure = publicUrl.startsWith('https:');
  }

  /** For requests that change something, and for WebSockets. @throws ApiError bad_origin */
  require({ transport }: Credential, headers: Headers): void {
    if (transport === 'cookie' && !isOwnOrigin(headers, this.origins)) throw badOrigin(headers);
  }

  /** A browser names the page that opens a socket, and any page may try. A program names none. @throws ApiError bad_origin */
  requireForSocket(headers: Headers): void {
    if (headers.origin !== undefined && !isOwnOrigin(headers, this.origins)) throw badOrigin(headers);
  }
}

function badOrigin({ origin }: Headers): ApiError {
  return new ApiError('bad_origin', { origin: String(origin ?? 'no origin that is named').slice(0, 100) });
}
