// The requests that agents make by HTTP: enrolment with a token, and with their certificate its renewal and what tasks
// of theirs want to know.
import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { TLSSocket } from 'node:tls';
import {
  agentPaths,
  enrolRequestSchema,
  guestPaths,
  type HostId,
  identityTokenRequestSchema,
  namesRequestSchema,
  renewRequestSchema,
  storedLogLimits,
  wholeLogSchema,
} from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import type { z } from 'zod';
import { LOGGER } from '../db/db.module.js';
import { ApiError } from '../errors.js';
import { invalidRequest, requireStorable } from '../http/invalid-request.js';
import { knownError, problemOf, retryAfterOf } from '../http/problem.js';
import { LogIntake, parseLogPath } from '../logs/log-intake.service.js';
import { Enrolment } from './enrolment.service.js';
import { GuestRequests } from './guest-requests.service.js';
import { HostSoftware } from './host-software.service.js';
import { hostIdOf } from './peer-identity.js';
import { RemovedHosts } from './removed-hosts.service.js';

const bodyLimit = { bytes: 16 * 1024, text: '16 KiB' };
const chunkLimit = { bytes: storedLogLimits.sentBytes, text: '1.25 MiB' };
const listLimit = { bytes: 256 * 1024, text: '256 KiB' };

/** All are POST. Enrolment alone comes without a host's certificate. */
type Route = { readonly limiter: RateLimiterMemory } & (
  | { readonly enrols: true }
  | { answer(hostId: HostId, body: unknown): Promise<object> }
);

@Injectable()
export class GatewayHttp {
  /** Making a certificate costs milliseconds of CPU. Secrets can't be guessed; this is about the load. */
  private readonly certificates = new RateLimiterMemory({ points: 300, duration: 5 });
  /** A host asks for its tasks, which are many, and remembers what it was told. */
  private readonly questions = new RateLimiterMemory({ points: 1000, duration: 5 });
  /** A chunk is a MiB of log. */
  private readonly uploads = new RateLimiterMemory({ points: 500, duration: 5 });
  private readonly routes: Readonly<Record<string, Route>> = {
    [agentPaths.enrol]: { limiter: this.certificates, enrols: true },
    [agentPaths.renew]: {
      limiter: this.certificates,
      answer: (hostId, body) => this.enrolment.renew(hostId, check(renewRequestSchema, body).csr),
    },
    [guestPaths.identityToken]: {
      limiter: this.questions,
      answer: (hostId, body) => this.guests.identityToken(hostId, check(identityTokenRequestSchema, body)),
    },
    [guestPaths.names]: {
      limiter: this.questions,
      answer: (hostId, body) => this.guests.names(hostId, check(namesRequestSchema, body)),
    },
  };

  constructor(
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(Enrolment) private readonly enrolment: Enrolment,
    @Inject(GuestRequests) private readonly guests: GuestRequests,
    @Inject(LogIntake) private readonly logs: LogIntake,
    @Inject(RemovedHosts) private readonly removed: RemovedHosts,
    @Inject(HostSoftware) private readonly software: HostSoftware,
  ) {}

  /** The host whose certificate this is; null if there is none, it is not of our authority, or the host was removed. */
  hostOf(request: IncomingMessage): HostId | null {
    const socket = request.socket as TLSSocket;
    const hostId = socket.authorized ? hostIdOf(socket.getPeerX509Certificate()?.subjectAltName) : null;
    return hostId && !this.removed.has(hostId) ? hostId : null;
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const hostId = this.hostOf(request);
    try {
      if (request.url === agentPaths.software && request.method === 'GET') return await this.sendSoftware(request, response);
      send(response, 200, await this.dispatch(request, hostId));
    } catch (thrown) {
      this.refuse(response, thrown);
    }
  }

  /** Nothing in it is secret, and whoever is to run it has its checksum. */
  private async sendSoftware(request: IncomingMessage, response: ServerResponse): Promise<void> {
    await spend(this.certificates, request.socket.remoteAddress ?? '');
    const { file, sizeBytes } = await this.software.packed();
    response.writeHead(200, { 'content-type': 'application/gzip', 'content-length': sizeBytes });
    await pipeline(createReadStream(file), response).catch(() => response.destroy());
  }

  private async dispatch(request: IncomingMessage, hostId: HostId | null): Promise<object> {
    const path = (request.url ?? '').split('?')[0] ?? '';
    const method = request.method ?? '';
    if (path.startsWith(agentPaths.logs) && method === 'POST') return this.takeLog(request, path, hostId);
    const route = Object.hasOwn(this.routes, path) ? this.routes[path] : undefined;
    if (!route) throw new ApiError('route_not_found', { method, path: path.slice(0, 100) });
    if (method !== 'POST') throw new ApiError('method_not_allowed', { method, path });
    await spend(route.limiter, hostId ?? request.socket.remoteAddress ?? '');
    if ('enrols' in route) return this.enrolment.enrol(check(enrolRequestSchema, await readJson(request)));
    if (!hostId) throw new ApiError('bad_host_certificate');
    return route.answer(hostId, await readJson(request));
  }

  private async takeLog(request: IncomingMessage, path: string, hostId: HostId | null): Promise<object> {
    if (!hostId) throw new ApiError('bad_host_certificate');
    await spend(this.uploads, hostId);
    const place = parseLogPath(path);
    if (!place) throw new ApiError('route_not_found', { method: 'POST', path: path.slice(0, 100) });
    if (place.chunk) return this.logs.takeChunk(hostId, place, place.chunk, await readBody(request, chunkLimit));
    return this.logs.finish(hostId, place.taskId, check(wholeLogSchema, await readJson(request, listLimit)));
  }

  private refuse(response: ServerResponse, thrown: unknown): void {
    const requestId = randomUUID();
    const error = knownError(thrown) ?? new ApiError('internal', {}, { cause: thrown });
    if (error.code === 'internal') this.logger.error({ requestId, err: thrown }, 'an agent’s request failed');
    const retryAfter = retryAfterOf(error);
    if (retryAfter !== null) response.setHeader('retry-after', retryAfter);
    // The rest of a body that was too large is not waited for.
    response.setHeader('connection', 'close');
    send(response, error.status, problemOf(error, requestId));
  }
}

async function spend(limiter: RateLimiterMemory, key: string): Promise<void> {
  await limiter.consume(key).catch(() => {
    throw new ApiError('rate_limited', { what: 'requests', seconds: 5 }, { retryAfterSeconds: 5 });
  });
}

async function readJson(request: IncomingMessage, limit = bodyLimit): Promise<unknown> {
  const body = await readBody(request, limit);
  try {
    return JSON.parse(body.toString());
  } catch (cause) {
    throw new ApiError('malformed_body', { detail: (cause as Error).message.slice(0, 200) }, { cause });
  }
}

async function readBody(request: IncomingMessage, limit: typeof bodyLimit): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit.bytes) throw new ApiError('body_too_large', { limit: limit.text });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function check<S extends z.ZodType>(schema: S, body: unknown): z.output<S> {
  const parsed = schema.safeParse(body);
  if (parsed.error) throw invalidRequest(parsed.error.issues);
  requireStorable(parsed.data);
  return parsed.data;
}

function send(response: ServerResponse, status: number, body: object): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body));
}
