// Fastify as Berth wants it: one body format, request ids, limits, and 405 where a path exists but not the method.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '../config.js';
import { ApiError } from '../errors.js';
import { isDeeperThan } from './json-depth.js';
import { observeRequest } from './metrics.service.js';
import { bodyLimit, pathOf, sendProblem } from './problem.js';
import { methodsOf, type Route } from './routes.js';

/** Nothing in the contract is half as deep. */
const maxDepth = 32;
/** The other format of bodies, for copying files; only where a controller takes it. */
const tarType = 'application/x-tar';
/** Headers, and as much again for a body. */
const sentWithinMs = 30_000;
const tarPartWithinMs = 5 * 60_000;
const requestIdPattern = /^[A-Za-z0-9._-]{1,64}$/;
/** What a process without the role `api` still answers. */
const alwaysServed = new Set(['/healthz', '/readyz', '/metrics']);

export function newServer(config: Config): FastifyAdapter {
  const adapter = new FastifyAdapter({
    bodyLimit: bodyLimit.bytes,
    // Slow senders of headers or bodies must not hold sockets for ever (bodies: below, since a tar may take its time);
    // answers may stream for as long as they like.
    requestTimeout: 0,
    http: { headersTimeout: sentWithinMs },
    connectionTimeout: 0,
    forceCloseConnections: 'idle',
    genReqId,
    trustProxy: config.http.proxies.length > 0 ? [...config.http.proxies] : false,
    // Ids are checked by whoever looks them up; node's limit of 16 KiB for all headers is the bound.
    routerOptions: { maxParamLength: 16_384 },
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) => sendProblem(reply, badUrl(error), String(request.id)),
  });
  const server = adapter.getInstance() as unknown as FastifyInstance;
  server.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
  });
  server.addHook('onResponse', observeRequest);
  server.addHook('onRequest', async ({ raw }) => limitTime(raw));
  parseOnlyJson(server);
  if (!config.roles.includes('api')) refuseApi(server);
  return adapter;
}

/** The caller's id if it is harmless to log and repeat, else one of ours. */
function genReqId(request: IncomingMessage): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && requestIdPattern.test(given) ? given : randomUUID();
}

function badUrl(error: Error): ApiError {
  return new ApiError('invalid_request', { detail: `The URL could not be read: ${error.message.slice(0, 200)}` });
}

function parseOnlyJson(server: FastifyInstance): void {
  const parse = server.getDefaultJsonParser('error', 'error');
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') return done(null, undefined);
    if (isDeeperThan(maxDepth, body as string))
      return done(new ApiError('malformed_body', { detail: `it is nested more than ${maxDepth} levels deep` }), undefined);
    parse(request, body as string, (error, value) => done(error && malformed(error), value));
  });
  // Not read here: a controller passes it on as it comes.
  server.addContentTypeParser(tarType, (request, payload, done) => {
    if (request.routeOptions.url?.endsWith('/archive')) done(null, payload);
    else done(new ApiError('unsupported_media_type'), undefined);
  });
}

/** Cuts off whoever takes too long to send a body; of a tar, to send or to be given the next part. */
function limitTime(request: IncomingMessage): void {
  if (request.headers['content-type'] === tarType) {
    request.setTimeout(tarPartWithinMs, () => request.destroy());
    return;
  }
  if (request.complete) return;
  const timer = setTimeout(() => request.destroy(), sentWithinMs);
  const done = () => clearTimeout(timer);
  request.once('end', done).once('close', done);
}

function malformed(error: Error): ApiError {
  return new ApiError('malformed_body', { detail: error.message.slice(0, 200).replace(/\.$/, '') });
}

function refuseApi(server: FastifyInstance): void {
  server.addHook('onRequest', async (request, reply) => {
    const path = pathOf(request.url);
    if (alwaysServed.has(path)) return;
    sendProblem(reply, new ApiError('route_not_found', { method: request.method, path }), String(request.id));
    return reply;
  });
}

/** Call before the routes are made. */
export function answerWrongMethods(adapter: FastifyAdapter): void {
  const server = adapter.getInstance() as unknown as FastifyInstance;
  const routes: Route[] = [];
  server.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat()) routes.push({ method: one, pattern: url });
  });
  server.addHook('onRequest', async (request: FastifyRequest, reply: FastifyReply) => {
    if (!request.is404) return;
    const path = pathOf(request.url);
    const allowed = methodsOf(path, routes);
    if (allowed.length === 0) return;
    reply.header('allow', allowed.join(', '));
    sendProblem(reply, new ApiError('method_not_allowed', { method: request.method, path }), String(request.id));
    return reply;
  });
}
