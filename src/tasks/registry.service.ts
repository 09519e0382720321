// Talks to image registries by the distribution protocol (opencontainers/distribution-spec). Follows no redirects,
// calls no forbidden address, and bounds time and size: the registry is a stranger whom a tenant named.
import { createHash } from 'node:crypto';
import { lookup as resolveName } from 'node:dns';
import { readFile } from 'node:fs/promises';
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { type ImageRef, parseImageRef } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import type { Config } from '../config.js';
import { CONFIG } from '../db/db.module.js';
import { apiLocation, type Challenge, credentialsFor, isForbiddenAddress, isTrusted, parseChallenge, tokenUrl } from './registry-rules.js';

const timeLimitMs = 10_000;
const maxBodyBytes = 4 * 1024 * 1024;
const manifestTypes = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

export type RegistryFault = 'unknown' | 'denied' | 'unavailable';

export class RegistryError extends Error {
  constructor(
    readonly fault: RegistryFault,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/** One conversation: with which registry, until when. */
interface Talk {
  readonly registry: string;
  readonly signal: AbortSignal;
}

@Injectable()
export class Registry {
  constructor(@Inject(CONFIG) private readonly config: Config) {}

  /**
   * The digest that the reference means now. Of an image for several architectures it is the index's digest: each host
   * takes its own from it.
   * @throws RegistryError
   */
  async digestOf(ref: ImageRef): Promise<string> {
    const { baseUrl, repository } = apiLocation(ref, this.config.registry);
    const url = `${baseUrl}/v2/${repository}/manifests/${ref.digest ?? ref.tag}`;
    const talk = { registry: ref.registry, signal: AbortSignal.timeout(timeLimitMs) };
    const head = await this.ask(talk, 'HEAD', url, repository);
    const digest = ref.digest ?? head.headers['docker-content-digest'];
    if (typeof digest === 'string' && /^sha256:[0-9a-f]{64}$/.test(digest)) return digest;
    const whole = await this.ask(talk, 'GET', url, repository);
    return `sha256:${createHash('sha256').update(whole.body).digest('hex')}`;
  }

  /** Repositories and tags of the default registry, at most `max`. @throws RegistryError */
  async catalog(max: number): Promise<{ name: string; tags: string[] }[]> {
    const registry = this.config.registry.default;
    const talk = { registry, signal: AbortSignal.timeout(timeLimitMs) };
    const { baseUrl } = apiLocation({ registry, repository: '', tag: null, digest: null }, this.config.registry);
    const { repositories } = json<{ repositories: string[] | null }>(await this.ask(talk, 'GET', `${baseUrl}/v2/_catalog?n=${max}`, ''));
    const names = (repositories ?? []).filter((name) => parseImageRef(`${registry}/${name}`, registry)?.repository === name);
    const images = await Promise.all(
      names.slice(0, max).map(async (name) => {
        const answer = await this.ask(talk, 'GET', `${baseUrl}/v2/${name}/tags/list`, name).catch(ignoreUnknown);
        return { name, tags: answer ? (json<{ tags: string[] | null }>(answer).tags ?? []).slice(0, max).sort() : [] };
      }),
    );
    // A repository whose last tag was deleted stays in the catalogue.
    return images.filter((image) => image.tags.length > 0);
  }

  /** Without credentials first; then as the registry demands. */
  private async ask(talk: Talk, method: 'GET' | 'HEAD', url: string, repository: string): Promise<Answer> {
    const headers = { accept: manifestTypes };
    let answer = await this.send(talk, method, url, headers);
    if (answer.status === 401) {
      const challenge = parseChallenge(answer.headers['www-authenticate']);
      const authorization = challenge && (await this.authorization(talk, challenge, url, repository));
      if (!authorization) throw new RegistryError('denied', 'it asks for credentials that Berth does not have');
      answer = await this.send(talk, method, url, { ...headers, authorization });
    }
    return checked(answer);
  }

  private async authorization(talk: Talk, challenge: Challenge, url: string, repository: string): Promise<string | null> {
    const credentials = await this.credentials(talk.registry);
    const basic = credentials === null ? null : `Basic ${Buffer.from(credentials).toString('base64')}`;
    if (challenge.scheme === 'basic') return basic;
    const realm = tokenUrl(challenge, url, repository);
    if (!realm) throw new RegistryError('denied', 'it names an address for tokens that cannot be trusted');
    const answer = checked(await this.send(talk, 'GET', realm.href, basic ? { authorization: basic } : {}));
    const { token, access_token: accessToken } = json<{ token?: unknown; access_token?: unknown }>(answer);
    const bearer = token ?? accessToken;
    return typeof bearer === 'string' && /^[\x21-\x7e]+$/.test(bearer) ? `Bearer ${bearer}` : null;
  }

  private async credentials(registry: string): Promise<string | null> {
    const { authFile } = this.config.registry;
    if (authFile === null) return null;
    try {
      return credentialsFor(registry, await readFile(authFile, 'utf8'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw new RegistryError('unavailable', 'the operator’s file of registry credentials cannot be read', { cause: error });
    }
  }

  private async send({ registry, signal }: Talk, method: string, url: string, headers: Record<string, string>): Promise<Answer> {
    const target = new URL(url);
    const hostname = target.hostname.replace(/^\[(.*)\]$/, '$1');
    const anyAddress = isTrusted(registry, this.config.registry) && hostname === hostnameOf(registry);
    if (!anyAddress && isIP(hostname) && isForbiddenAddress(hostname)) throw forbidden();
    const { request } = target.protocol === 'http:' ? http : https;
    const lookup = anyAddress ? undefined : lookupAllowed;
    try {
      return await new Promise<Answer>((resolve, reject) => {
        request(target, { method, headers: { 'user-agent': 'berth', ...headers }, signal, lookup }, (response) => {
          read(response).then(resolve, reject);
        })
          .once('error', reject)
          .end();
      });
    } catch (error) {
      throw error instanceof RegistryError ? error : new RegistryError('unavailable', reasonOf(error, signal), { cause: error });
    }
  }
}

/** Checks the very address that is connected to, so that a name cannot be harmless once and local the next time. */
const lookupAllowed: LookupFunction = (hostname, options, callback) => {
  resolveName(hostname, { ...options, all: true }, (error, addresses) => {
    if (error) return callback(error, []);
    if (addresses.some(({ address }) => isForbiddenAddress(address))) return callback(forbidden(), []);
    if (options.all) return callback(null, addresses);
    const [first] = addresses;
    callback(null, first?.address ?? '', first?.family);
  });
};

async function read(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBodyBytes) {
      response.destroy();
      throw new RegistryError('unavailable', 'its answer is too large');
    }
    chunks.push(chunk);
  }
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) };
}

function checked(answer: Answer): Answer {
  const { status } = answer;
  if (status === 200) return answer;
  if (status === 404 || status === 400) throw new RegistryError('unknown', 'the registry does not have it');
  if (status === 401 || status === 403) throw new RegistryError('denied', `it answered ${status}`);
  if (status >= 300 && status < 400) throw new RegistryError('denied', 'it redirects, and Berth follows no redirects of registries');
  throw new RegistryError('unavailable', status === 429 ? 'it allows no more requests for now' : `it answered ${status}`);
}

function json<T>(answer: Answer): T {
  try {
    return JSON.parse(answer.body.toString('utf8')) as T;
  } catch (error) {
    throw new RegistryError('unavailable', 'its answer is no JSON', { cause: error });
  }
}

function ignoreUnknown(error: unknown): null {
  if (error instanceof RegistryError && error.fault === 'unknown') return null;
  throw error;
}

function forbidden(): RegistryError {
  return new RegistryError('denied', 'its address is local to the control plane, and is not in the list of allowed registries');
}

function hostnameOf(registry: string): string {
  return new URL(`http://${registry}`).hostname.replace(/^\[(.*)\]$/, '$1');
}

/** In words for the tenant; never more of the network than the tenant could see. */
function reasonOf(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return `no answer within ${timeLimitMs / 1000} s`;
  const { code } = error as { code?: string };
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'its name is not known';
  if (code === 'ECONNREFUSED') return 'it refuses connections';
  return code?.startsWith('ERR_TLS') || code?.includes('CERT') ? 'its certificate is not trusted' : 'the connection failed';
}
