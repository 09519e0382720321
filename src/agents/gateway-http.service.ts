// The two requests that agents make by HTTP: enrolment with a token, and renewal with the certificate that ends.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { agentPaths, type CertificateResponse, enrolRequestSchema, type HostId, renewRequestSchema } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import type { z } from 'zod';
import { LOGGER } from '../db/db.module.js';
import { ApiError } from '../errors.js';
import { invalidRequest, requireStorable } from '../http/invalid-request.js';
import { knownError, problemOf, retryAfterOf } from '../http/problem.js';
import { Enrolment } from './enrolment.service.js';

const bodyLimit = { bytes: 16 * 1024, text: '16 KiB' };

@Injectable()
export class GatewayHttp {
  /** Making a certificate costs milliseconds of CPU. Secrets can't be guessed; this is about the load. */
  private readonly limiter = new RateLimiterMemory({ points: 60, duration: 5 });

  constructor(
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(Enrolment) private readonly enrolment: Enrolment,
  ) {}

  /** @param hostId of the caller's certificate, null if there was none. */
  async answer(request: IncomingMessage, response: ServerResponse, hostId: HostId | null): Promise<void> {
    try {
      send(response, 200, await this.dispatch(request, hostId));
    } catch (thrown) {
      this.refuse(response, thrown);
    }
  }

  private async dispatch(request: IncomingMessage, hostId: HostId | null): Promise<CertificateResponse> {
    const path = (request.url ?? '').split('?')[0] ?? '';
    const method = request.method ?? '';
    if (path !== agentPaths.enrol && path !== agentPaths.renew) throw new ApiError('route_not_found', { method, path: path.slice(0, 100) });
    if (method !== 'POST') throw new ApiError('method_not_allowed', { method, path });
    await this.spend(hostId ?? request.socket.remoteAddress ?? '');
    if (path === agentPaths.enrol) return this.enrolment.enrol(check(enrolRequestSchema, await readJson(request)));
    if (!hostId) throw new ApiError('bad_host_certificate');
    return this.enrolment.renew(hostId, check(renewRequestSchema, await readJson(request)).csr);
  }

  private async spend(key: string): Promise<void> {
    await this.limiter.consume(key).catch(() => {
      throw new ApiError('rate_limited', { seconds: 5 }, { retryAfterSeconds: 5 });
    });
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

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > bodyLimit.bytes) throw new ApiError('body_too_large', { limit: bodyLimit.text });
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch (cause) {
    throw new ApiError('malformed_body', { detail: (cause as Error).message.slice(0, 200) }, { cause });
  }
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
