// Signing in with an OpenID Connect provider: authorization code flow with PKCE, state and nonce. Says who somebody is; not
// what they may.
import { createHash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import {
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  type Configuration,
  calculatePKCECodeChallenge,
  discovery,
  enableNonRepudiationChecks,
  type IDToken,
  randomNonce,
  randomPKCECodeVerifier,
  randomState,
} from 'openid-client';
import type { Logger } from 'pino';
import type { Config } from '../config.js';
import { CONFIG, LOGGER } from '../db/db.module.js';
import { ApiError } from '../errors.js';
import { Remembered } from '../remembered.js';

/** What has to come back with the browser: kept in its cookie, since any replica may get the callback. */
export interface OidcFlow {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly returnTo: string;
}

export interface Person {
  readonly issuer: string;
  readonly subject: string;
  /** In lower case; the provider says that it was checked. */
  readonly email: string;
  readonly name: string | null;
}

const discoverAgainMs = 3_600_000;
const answerWithinSeconds = 10;
const loopback = /^http:\/\/(127\.0\.0\.1|localhost|\[::1\])[:/]/;

@Injectable()
export class Oidc {
  private readonly discovered = new Remembered<Configuration>(discoverAgainMs, 1);

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** @throws ApiError no_identity_provider, unavailable */
  async begin(returnTo: string): Promise<{ url: URL; flow: OidcFlow }> {
    const provider = await this.provider();
    const flow = { state: randomState(), nonce: randomNonce(), verifier: randomPKCECodeVerifier(), returnTo };
    const url = buildAuthorizationUrl(provider, {
      redirect_uri: this.callback,
      scope: 'openid email profile',
      state: flow.state,
      nonce: flow.nonce,
      code_challenge: await calculatePKCECodeChallenge(flow.verifier),
      code_challenge_method: 'S256',
    });
    return { url, flow };
  }

  /**
   * @param query of the callback @param flow what `begin` gave to the same browser; null if it brings none
   * @throws ApiError sign_in_failed, no_identity_provider, unavailable
   */
  async finish(query: Readonly<Record<string, unknown>>, flow: OidcFlow | null): Promise<{ person: Person; returnTo: string }> {
    const provider = await this.provider();
    if (!flow) throw failed('this browser did not begin to sign in here, or it took too long');
    const url = new URL(this.callback);
    for (const [name, value] of Object.entries(query)) if (typeof value === 'string') url.searchParams.set(name, value);
    const checks = { expectedState: flow.state, expectedNonce: flow.nonce, pkceCodeVerifier: flow.verifier, idTokenExpected: true };
    const tokens = await authorizationCodeGrant(provider, url, checks).catch((cause: Error) => {
      this.logger.warn({ err: cause }, 'an identity provider’s answer was refused');
      throw failed(reasonOf(cause), cause);
    });
    const { iss, sub, email, email_verified: isVerified, name }: Partial<IDToken> = tokens.claims() ?? {};
    if (iss === undefined || sub === undefined || typeof email !== 'string' || isVerified !== true)
      throw failed('it names no e-mail address that it has checked');
    const person = { issuer: iss, subject: sub, email: email.toLowerCase(), name: typeof name === 'string' ? name.slice(0, 100) : null };
    return { person, returnTo: flow.returnTo };
  }

  private get callback(): string {
    return `${this.config.publicUrl}/v1/oidc/callback`;
  }

  private provider(): Promise<Configuration> {
    const { oidc } = this.config;
    if (!oidc) throw new ApiError('no_identity_provider');
    const key = createHash('sha256').update(oidc.issuer).digest('hex');
    return this.discovered.get(key, performance.now(), () =>
      discovery(new URL(oidc.issuer), oidc.clientId, oidc.clientSecret ?? undefined, undefined, {
        timeout: answerWithinSeconds,
        // The token's signature is checked although it comes from the provider itself: what lies in between may not be it.
        execute: [enableNonRepudiationChecks, ...(loopback.test(oidc.issuer) ? [allowInsecureRequests] : [])],
      }).catch((cause: unknown) => {
        throw new ApiError('unavailable', { what: 'the identity provider' }, { cause });
      }),
    );
  }
}

function failed(detail: string, cause?: unknown): ApiError {
  return new ApiError('sign_in_failed', { detail }, { cause });
}

function reasonOf(error: Error & { code?: unknown; error?: unknown }): string {
  if (typeof error.error === 'string') return error.error.slice(0, 100);
  return error.message.slice(0, 200).replace(/\.$/, '');
}
