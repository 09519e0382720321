// The sockets of the metadata services: who is asking, how much of it, and for how long. What is answered is the
// services' own business. One task that floods, dawdles or never reads costs itself only.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import type { Directory, GuestTask } from './directory.js';
import type { Listening } from './dns-server.js';
import { type Reply, type Service, text } from './guest-request.js';
import { concurrency, rateLimit } from './rate.js';

export interface MetadataServerOptions {
  readonly service: Service;
  readonly directory: Directory;
  readonly at: { readonly address: string; readonly port: number };
  readonly log: Logger;
  now(): number;
}

const connections = { perTask: 16, inAll: 1024 };
const rate = { perSecond: 50, burst: 200 };
const longestBody = 4096;
const limits = {
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: 8 * 1024,
} as const;
const requestsPerConnection = 100;
const idleMs = 10_000;

/** @throws when address and port can't be had. */
export async function listenForRequests(options: MetadataServerOptions): Promise<Listening> {
  const { directory, at, log } = options;
  const open = concurrency(connections.perTask, connections.inAll);
  const mayAsk = rateLimit(rate);
  const server = createServer(limits, (request, response) => {
    const task = directory.at(request.socket.remoteAddress ?? '');
    if (!task) return void request.socket.destroy();
    if (!mayAsk(task.address, options.now())) return send(response, text(429, 'Too many requests. Wait a second.', { 'retry-after': '1' }));
    answer(options.service, task, request, response).catch((err) => {
      // Who goes away in the middle of its own request is nobody's failure.
      if (!request.complete) return;
      log.error({ err, taskId: task.spec.taskId, path: request.url?.slice(0, 200) }, 'a metadata request failed');
      send(response, text(500, 'Something went wrong at the host’s agent.'));
    });
  });
  server.maxRequestsPerSocket = requestsPerConnection;
  server.on('connection', (socket: Socket) => {
    const from = socket.remoteAddress ?? '';
    if (!directory.at(from) || !open.enter(from)) return void socket.destroy();
    socket.once('close', () => open.leave(from));
    socket.setTimeout(idleMs, () => socket.destroy());
  });
  // Answers to what is not HTTP would only be more work.
  server.on('clientError', (_error, socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: at.address, port: at.port, backlog: 256 }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  server.on('error', (err) => log.error({ err }, 'a metadata server failed'));
  return {
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(service: Service, task: GuestTask, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [path = '', query = ''] = (request.url ?? '').split('?', 2);
  const body = await bodyOf(request);
  if (body === null) return send(response, text(413, `The body is larger than ${longestBody} bytes.`, { connection: 'close' }));
  const header = (name: string) => {
    const value = request.headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  };
  send(response, await service({ task, method: request.method ?? '', path, query: new URLSearchParams(query), header, body }));
}

/** @returns null when there is more of it than anybody needs. */
async function bodyOf(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > longestBody) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function send(response: ServerResponse, { status, type, headers, body }: Reply): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body), server: 'berth', ...headers });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}
