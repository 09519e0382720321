// The agent's name server on the bridge: sockets, and what a hostile client may do to them. Answers are dns-service's.
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import type { Logger } from 'pino';
import { framed } from './dns-forward.js';
import { longestQuestionBytes } from './dns-question.js';
import type { DnsService } from './dns-service.js';
import { concurrency } from './rate.js';

export interface Listening {
  close(): Promise<void>;
}

const connections = { perTask: 8, inAll: 256 };
const idleMs = 5_000;
/** Whoever has more to ask comes again. */
const lifeMs = 30_000;

/** @throws when address and port can't be had. */
export async function listenForQuestions(service: DnsService, at: { address: string; port: number }, log: Logger): Promise<Listening> {
  const udp = await overUdp(service, at, log);
  try {
    const tcp = await overTcp(service, at, log);
    return {
      close: async () => {
        await Promise.all([new Promise<void>((resolve) => udp.close(resolve)), tcp()]);
      },
    };
  } catch (error) {
    udp.close();
    throw error;
  }
}

async function overUdp(service: DnsService, { address, port }: { address: string; port: number }, log: Logger): Promise<UdpSocket> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 1024 * 1024 });
  socket.on('message', (packet, from) => {
    service
      .answer(packet, from.address, 'udp')
      // A container that has gone, or whose buffer is full: it asks again if it still wants to know.
      .then((answer) => answer && socket.send(answer, from.port, from.address, () => {}))
      .catch((err) => log.error({ err, from: from.address }, 'a question could not be answered'));
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ address, port, exclusive: true }, () => {
      socket.off('error', reject);
      resolve();
    });
  });
  socket.on('error', (err) => log.error({ err }, 'the name server’s socket failed'));
  return socket;
}

async function overTcp(service: DnsService, { address, port }: { address: string; port: number }, log: Logger) {
  const open = concurrency(connections.perTask, connections.inAll);
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    const from = socket.remoteAddress ?? '';
    if (!open.enter(from)) return void socket.destroy();
    sockets.add(socket);
    const life = setTimeout(() => socket.destroy(), lifeMs);
    socket.once('close', () => {
      clearTimeout(life);
      sockets.delete(socket);
      open.leave(from);
    });
    socket.on('error', () => {});
    socket.setTimeout(idleMs, () => socket.destroy());
    converse(service, socket, from).catch((err) => {
      log.error({ err, from }, 'a question could not be answered');
      socket.destroy();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: address, port, backlog: 64 }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  server.on('error', (err) => log.error({ err }, 'the name server’s socket failed'));
  return async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
}

/** One question after the other: what comes meanwhile waits in the kernel, where it costs the asker. */
async function converse(service: DnsService, socket: Socket, from: string): Promise<void> {
  let received = Buffer.alloc(0);
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    received = Buffer.concat([received, chunk]);
    for (;;) {
      const length = received.length < 2 ? null : received.readUInt16BE(0);
      if (length !== null && length > longestQuestionBytes) return void socket.destroy();
      if (length === null || received.length < 2 + length) break;
      const answer = await service.answer(received.subarray(2, 2 + length), from, 'tcp');
      received = Buffer.from(received.subarray(2 + length));
      if (!answer || socket.destroyed) return void socket.destroy();
      // Until it is taken: who asks and doesn't read gets no second answer.
      await new Promise((resolve) => socket.write(framed(answer), resolve));
    }
  }
}
