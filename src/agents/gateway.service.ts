// The door for agents: an HTTPS server of its own, where every path but enrolment needs a host's certificate from our
// authority. Owns listening, identities and connections' beginnings and ends; what is said on them is agent-link's.
import type { IncomingMessage } from 'node:http';
import { createServer, type Server } from 'node:https';
import { hostname } from 'node:os';
import type { Duplex } from 'node:stream';
import { agentPaths, maxFrameBytes } from '@berth/contract';
import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { Logger } from 'pino';
import { WebSocketServer } from 'ws';
import type { Config } from '../config.js';
import { CONFIG, LOGGER } from '../db/db.module.js';
import { AgentConnections } from './agent-connections.service.js';
import { GatewayHttp } from './gateway-http.service.js';
import { HostLinks } from './host-links.service.js';
import { Authority } from './pki.service.js';

const certificateRenewalMs = 24 * 60 * 60 * 1000;
const closeGraceMs = 2_000;

@Injectable()
export class Gateway implements OnModuleInit, OnModuleDestroy {
  private server: Server | null = null;
  private renewal: NodeJS.Timeout | null = null;
  private readonly sockets = new WebSocketServer({ noServer: true, maxPayload: maxFrameBytes, perMessageDeflate: false });

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(Authority) private readonly authority: Authority,
    @Inject(GatewayHttp) private readonly http: GatewayHttp,
    @Inject(HostLinks) private readonly links: HostLinks,
    @Inject(AgentConnections) private readonly connections: AgentConnections,
  ) {}

  async onModuleInit(): Promise<void> {
    if (this.config.roles.includes('gateway')) await this.listen();
  }

  /** Agents are told to come back, and soon: another replica or the next version takes them. */
  async onModuleDestroy(): Promise<void> {
    if (!this.server) return;
    if (this.renewal) clearInterval(this.renewal);
    const closed = new Promise((resolve) => this.server?.close(resolve));
    for (const hostId of this.links.hostIds) this.links.of(hostId)?.goodbye('the control plane is restarting', 500);
    const cutOff = setTimeout(() => {
      for (const client of this.sockets.clients) client.terminate();
      this.server?.closeAllConnections();
    }, closeGraceMs);
    await closed;
    clearTimeout(cutOff);
  }

  private async listen(): Promise<void> {
    const { host, port } = this.config.gateway;
    const server = createServer(
      {
        ...(await this.credentials()),
        ca: this.authority.certificatePem,
        requestCert: true,
        // Enrolment comes without a certificate; each path looks for itself.
        rejectUnauthorized: false,
        minVersion: 'TLSv1.3',
        handshakeTimeout: 10_000,
        headersTimeout: 10_000,
        requestTimeout: 15_000,
        maxHeaderSize: 8 * 1024,
      },
      (request, response) => void this.http.answer(request, response),
    );
    server.on('upgrade', (request, socket, head) => this.upgrade(request, socket, head));
    server.on('tlsClientError', (err) => this.logger.debug({ err }, 'a TLS handshake failed'));
    this.server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, resolve);
    });
    server.on('error', (err) => this.logger.error({ err }, 'the gateway’s server failed'));
    this.renewal = setInterval(() => void this.renew(), certificateRenewalMs);
    this.logger.info({ host, port, authority: this.authority.fingerprint }, 'waiting for agents');
  }

  private async credentials(): Promise<{ key: string; cert: string }> {
    const { host, url, directUrl } = this.config.gateway;
    const named = [...[url, directUrl].map((one) => new URL(one).hostname.replace(/^\[|\]$/g, '')), host].filter(
      (name) => name !== '0.0.0.0' && name !== '::',
    );
    const { key, cert } = await this.authority.newServerCertificate([...new Set(['127.0.0.1', 'localhost', hostname(), ...named])]);
    // With the authority's own certificate in the chain an agent can find it by the token's fingerprint.
    return { key, cert: `${cert}\n${this.authority.certificatePem}` };
  }

  private async renew(): Promise<void> {
    try {
      this.server?.setSecureContext({ ...(await this.credentials()), ca: this.authority.certificatePem, minVersion: 'TLSv1.3' });
    } catch (err) {
      this.logger.error({ err }, 'the gateway’s certificate could not be renewed');
    }
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', (err) => this.logger.debug({ err }, 'an agent’s socket failed'));
    const hostId = this.http.hostOf(request);
    const path = request.url ?? '';
    const streamId = path.startsWith(agentPaths.streams) ? path.slice(agentPaths.streams.length) : null;
    if (!hostId) {
      refuse(socket, '401 Unauthorized');
      return;
    }
    if (path !== agentPaths.link && !(streamId !== null && this.links.streams.isExpected(streamId, hostId))) {
      refuse(socket, '404 Not Found');
      return;
    }
    this.sockets.handleUpgrade(request, socket, head, (webSocket) => {
      if (streamId === null) this.connections.open(webSocket, hostId);
      else this.links.streams.accept(streamId, hostId, webSocket);
    });
  }
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
