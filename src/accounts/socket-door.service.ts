// The door for WebSockets of the API: which paths there are, which pages may open one, who calls, and how often. A refusal
// is an ordinary answer of HTTP, with a body as everywhere.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { channelProtocol, maxChannelMessageBytes, type Role, tokenProtocolPrefix } from '@berth/contract';
import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { Logger } from 'pino';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Config } from '../config.js';
import { CONFIG, LOGGER } from '../db/db.module.js';
import { ApiError } from '../errors.js';
import { knownError, problemOf, retryAfterOf } from '../http/problem.js';
import type { Caller } from './caller.js';
import { SocketAccess, type Visit } from './socket-access.service.js';

export interface SocketRequest {
  /** The path's parts that the pattern names. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** A one-use token, as a browser shows it; checked by nobody yet. */
  readonly token: string | null;
  /** @throws ApiError unauthenticated, forbidden */
  caller(role: Role): Promise<Caller>;
}

/** Checks the request and gives what takes the socket, once it is one. What it throws is the answer. */
export type SocketHandler = (request: SocketRequest) => Promise<(socket: WebSocket) => void>;

@Injectable()
export class SocketDoor implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly routes: { readonly pattern: RegExp; readonly handler: SocketHandler }[] = [];
  private readonly sockets = new WebSocketServer({
    noServer: true,
    maxPayload: maxChannelMessageBytes,
    perMessageDeflate: false,
    // The token is nobody's answer.
    handleProtocols: (protocols) => (protocols.has(channelProtocol) ? channelProtocol : false),
  });

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(HttpAdapterHost) private readonly adapter: HttpAdapterHost,
    @Inject(SocketAccess) private readonly access: SocketAccess,
  ) {}

  /** @param path with named groups: `^/v1/tasks/(?<taskId>[^/]+)/forward$`. */
  add(path: RegExp, handler: SocketHandler): void {
    this.routes.push({ pattern: path, handler });
  }

  onApplicationBootstrap(): void {
    if (!this.config.roles.includes('api')) return;
    this.adapter.httpAdapter
      .getHttpServer()
      .on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => void this.upgrade(request, socket, head));
  }

  onModuleDestroy(): void {
    for (const client of this.sockets.clients) client.terminate();
  }

  private async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const broken = () => socket.destroy();
    socket.on('error', broken);
    let visit: Visit | null = null;
    try {
      const { pathname, searchParams } = new URL(request.url ?? '/', 'http://berth.invalid');
      visit = this.access.visit(request, pathname);
      const take = await this.admit(request, pathname, searchParams, visit);
      socket.off('error', broken);
      visit.end(101);
      this.sockets.handleUpgrade(request, socket, head, take);
    } catch (error) {
      visit?.end(this.refuse(socket, error, visit.requestId));
      if (!visit) this.refuse(socket, error, randomUUID());
    }
  }

  private async admit(request: IncomingMessage, path: string, query: URLSearchParams, visit: Visit): Promise<(socket: WebSocket) => void> {
    for (const { pattern, handler } of this.routes) {
      const match = pattern.exec(path);
      if (match) return handler({ params: { ...match.groups }, query, token: tokenOf(request), caller: (role) => visit.caller(role) });
    }
    throw new ApiError('route_not_found', { method: 'WebSocket', path: path.slice(0, 200) });
  }

  /** @returns the status. */
  private refuse(socket: Duplex, thrown: unknown, requestId: string): number {
    const error = knownError(thrown) ?? new ApiError('internal', {}, { cause: thrown });
    if (error.code === 'internal') this.logger.error({ requestId, err: thrown }, 'a WebSocket could not be opened');
    const body = JSON.stringify(problemOf(error, requestId));
    const retryAfter = retryAfterOf(error);
    const headers = [
      `HTTP/1.1 ${error.status} Refused`,
      'Content-Type: application/json; charset=utf-8',
      `Content-Length: ${Buffer.byteLength(body)}`,
      'Connection: close',
      ...(retryAfter === null ? [] : [`Retry-After: ${retryAfter}`]),
      ...(error.status === 401 ? ['WWW-Authenticate: Bearer'] : []),
    ];
    socket.end(`${headers.join('\r\n')}\r\n\r\n${body}`);
    return error.status;
  }
}

function tokenOf({ headers }: IncomingMessage): string | null {
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((protocol) => protocol.trim());
  return offered.find((protocol) => protocol.startsWith(tokenProtocolPrefix))?.slice(tokenProtocolPrefix.length) ?? null;
}
