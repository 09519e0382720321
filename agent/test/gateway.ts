// The other end of an agent's link, for tests: a real TLS server with WebSockets that speaks the contract and decides
// nothing. A test says what it sends, and looks at what came; every frame that comes is checked against the contract.
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import {
  type AgentFrame,
  agentFrameSchema,
  agentPaths,
  type DesiredTask,
  enrolRequestSchema,
  type GatewayFrame,
  type LogStreamFrame,
  logStreamFrameSchema,
  renewRequestSchema,
  type TaskReport,
  type UsageRecord,
} from '@berth/contract';
import { type WebSocket, WebSocketServer } from 'ws';
import { newAuthority, type TestAuthority } from './authority.js';

type OfType<F, T> = Extract<F, { type: T }>;

export interface TestGateway {
  readonly url: string;
  readonly port: number;
  readonly authority: TestAuthority;
  token(): string;
  /** How long certificates are good that are handed out from now on. */
  certificateLifeMs: number;
  /** Whether a new link gets `welcome` and acknowledgements by itself; on by default. */
  polite: boolean;
  /** What a new link's `welcome` says. */
  usageIntervalMs: number;
  /** Times at which links were opened, by the gateway's clock. */
  readonly dials: number[];
  readonly renewals: number;
  /** What is answered to POST requests of hosts beside those for certificates, by path; a throw is a 500. */
  readonly answers: Map<string, (body: unknown) => object | Promise<object>>;
  /** The next link that says hello, or the newest one that did and was not asked for yet. */
  nextLink(): Promise<TestLink>;
  /** What comes on the stream of this id, until its end. */
  stream(streamId: string): Promise<TestStream>;
  close(): Promise<void>;
}

export interface TestLink {
  readonly hello: OfType<AgentFrame, 'hello'>;
  readonly frames: AgentFrame[];
  readonly reports: TaskReport[];
  readonly usage: UsageRecord[];
  readonly socket: WebSocket;
  send(frame: GatewayFrame | { type: string }): void;
  /** Sends a `desired` frame and returns its number. */
  desired(tasks: DesiredTask[], epoch?: number): number;
  /** Returns when `found` is something; looks again whenever a frame came. */
  until<T>(found: () => T | undefined | false): Promise<T>;
  /** The first report of the task in this state. */
  report(taskId: string, state: TaskReport['state']): Promise<TaskReport>;
  readonly closed: Promise<void>;
}

export interface TestStream {
  readonly socket: WebSocket;
  readonly lines: LogStreamFrame['lines'];
  /** Resolves with the close code. */
  readonly ended: Promise<number>;
}

const patienceMs = 50_000;

/** @param heartbeatMs where starved machines must not take a slow test for a silent gateway, seconds */
export async function startGateway(heartbeatMs = 200): Promise<TestGateway> {
  const authority = await newAuthority();
  const tokens = new Set<string>();
  const server = createServer({ ...(await authority.server()), ca: authority.pem, requestCert: true, rejectUnauthorized: false });
  const sockets = new Set<Duplex>();
  const links: TestLink[] = [];
  const linkWaiters: ((link: TestLink) => void)[] = [];
  const streams = new Map<string, (socket: WebSocket) => void>();
  const upgrader = new WebSocketServer({ noServer: true });
  let renewals = 0;
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  const gateway: TestGateway = {
    url: `wss://127.0.0.1:${port}`,
    port,
    authority,
    certificateLifeMs: 3_600_000,
    polite: true,
    usageIntervalMs: 60_000,
    dials: [],
    answers: new Map(),
    get renewals() {
      return renewals;
    },
    token() {
      const secret = randomBytes(32).toString('base64url');
      tokens.add(secret);
      return `berth-host.${secret}.${authority.fingerprint}`;
    },
    nextLink() {
      const link = links.shift();
      return link ? Promise.resolve(link) : within(new Promise((resolve) => linkWaiters.push(resolve)), 'no agent said hello');
    },
    stream: (streamId) =>
      within(
        new Promise((resolve) => {
          streams.set(streamId, (socket) => resolve(collect(socket)));
        }),
        'the stream was not opened',
      ),
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };

  server.on('request', (request, response) => {
    answer(request, response).catch((error: Error) => respond(response, 500, { message: error.message }));
  });
  server.on('upgrade', (request, socket, head) => {
    const path = request.url ?? '';
    if (!(request.socket as TLSSocket).authorized) return socket.destroy();
    upgrader.handleUpgrade(request, socket, head, (ws) => {
      if (path === agentPaths.link) void greet(ws);
      else streams.get(path.slice(agentPaths.streams.length))?.(ws);
    });
  });

  async function greet(ws: WebSocket): Promise<void> {
    gateway.dials.push(performance.now());
    const link = await openTestLink(ws, heartbeatMs, gateway);
    const waiter = linkWaiters.shift();
    if (waiter) waiter(link);
    else links.push(link);
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // There is no log store here.
    if (request.url?.startsWith(agentPaths.logs)) return respond(response, 404, { message: 'no log store' });
    const body: unknown = JSON.parse(await bodyOf(request));
    if (request.url === agentPaths.enrol) {
      const { token, csr } = enrolRequestSchema.parse(body);
      if (!tokens.delete(token.split('.')[1] ?? '')) return respond(response, 401, { message: 'This host token was used.' });
      return certify(response, csr, randomUUID());
    }
    const peer = (request.socket as TLSSocket).authorized ? (request.socket as TLSSocket).getPeerCertificate().subject.CN : null;
    const answering = gateway.answers.get(request.url ?? '');
    if (answering && peer) return respond(response, 200, await answering(body));
    if (request.url !== agentPaths.renew || typeof peer !== 'string') return respond(response, 401, { message: 'no certificate' });
    renewals += 1;
    return certify(response, renewRequestSchema.parse(body).csr, peer);
  }

  async function certify(response: ServerResponse, csr: string, hostId: string): Promise<void> {
    respond(response, 200, { hostId, authority: authority.pem, ...(await authority.client(csr, hostId, gateway.certificateLifeMs)) });
  }

  return gateway;
}

async function openTestLink(
  socket: WebSocket,
  heartbeatMs: number,
  gateway: Pick<TestGateway, 'polite' | 'usageIntervalMs'>,
): Promise<TestLink> {
  const frames: AgentFrame[] = [];
  const lookers = new Set<() => void>();
  let seq = 0;
  const send = (frame: GatewayFrame | { type: string }) => socket.send(JSON.stringify(frame));
  const link = {
    frames,
    reports: [] as TaskReport[],
    usage: [] as UsageRecord[],
    socket,
    send,
    desired(tasks: DesiredTask[], epoch = 1) {
      seq += 1;
      send({ type: 'desired', seq, epoch, full: false, tasks });
      return seq;
    },
    until: <T>(found: () => T | undefined | false) =>
      within(
        new Promise<T>((resolve) => {
          const look = () => {
            const value = found();
            if (value === undefined || value === false) return;
            lookers.delete(look);
            resolve(value);
          };
          lookers.add(look);
          look();
        }),
        `it did not come; there were ${JSON.stringify(frames.slice(-5))}`,
      ),
    report: (taskId: string, state: TaskReport['state']) =>
      link.until(() => link.reports.find((report) => report.taskId === taskId && report.state === state)),
    closed: new Promise<void>((resolve) => socket.once('close', () => resolve())),
  };
  socket.on('message', (data) => {
    const frame = agentFrameSchema.parse(JSON.parse(String(data)));
    frames.push(frame);
    if (frame.type === 'hello' && gateway.polite) send({ type: 'welcome', heartbeatMs, usageIntervalMs: gateway.usageIntervalMs });
    if (frame.type === 'events') {
      link.reports.push(...frame.reports);
      link.usage.push(...frame.usage);
      if (gateway.polite) send({ type: 'ack', seq: frame.seq });
    }
    for (const look of [...lookers]) look();
  });
  const hello = await link.until(() => frames.find((frame) => frame.type === 'hello'));
  return Object.assign(link, { hello });
}

function collect(socket: WebSocket): TestStream {
  const lines: LogStreamFrame['lines'] = [];
  socket.on('message', (data) => lines.push(...logStreamFrameSchema.parse(JSON.parse(String(data))).lines));
  return { socket, lines, ended: new Promise((resolve) => socket.once('close', (code) => resolve(code))) };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}

function respond(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** A limit for what should happen, so that a failing test says what is missing. */
async function within<T>(promise: Promise<T>, complaint: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(complaint)), patienceMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
