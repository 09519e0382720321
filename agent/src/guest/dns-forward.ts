// Asks the host's name servers what is not ours to answer. The packet goes on as it came, with an id and a port of our
// own that are hard to guess; of what comes back only the answer to that very question is taken.
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { answers } from './dns-question.js';
import type { Resolver } from './resolvers.js';

export type Transport = 'udp' | 'tcp';

export interface Forwarder {
  /** @returns the answer with the asker's id; null if no server gave one in time. */
  ask(question: Buffer, transport: Transport): Promise<Buffer | null>;
}

/** Clients give up after five seconds; the second server should have had its turn by then. */
const patienceMs = { udp: 1500, tcp: 2500 } as const;
const rounds = 2;
const longestUdpAnswer = 65_535;
/** A server that can't answer says so in the last four bits of the flags: then the next one is asked. */
const failures: readonly number[] = [2, 5];

export function forwarder(resolvers: () => readonly Resolver[]): Forwarder {
  let preferred = 0;

  /** The last answer of all counts, also if it is a failure: it is what the client would have got. */
  async function ask(question: Buffer, transport: Transport): Promise<Buffer | null> {
    const servers = resolvers();
    let last: Buffer | null = null;
    for (let attempt = 0; attempt < servers.length * rounds; attempt++) {
      const server = servers[preferred % servers.length] as Resolver;
      const answer = await askOne(server, question, transport);
      last = answer ?? last;
      if (answer && !failures.includes((answer[3] ?? 0) & 0xf)) return answer;
      preferred = (preferred + 1) % servers.length;
      if (answer && attempt + 1 >= servers.length) return answer;
    }
    return last;
  }

  return { ask };
}

async function askOne(server: Resolver, question: Buffer, transport: Transport): Promise<Buffer | null> {
  const own = Buffer.from(question);
  own.writeUInt16BE(randomInt(0x10000), 0);
  const answer = await (transport === 'udp' ? overUdp(server, own) : overTcp(server, own));
  if (!answer) return null;
  const theirs = Buffer.from(answer);
  question.copy(theirs, 0, 0, 2);
  return theirs;
}

function isAnswer(answer: Buffer, question: Buffer): boolean {
  return answer.length >= 12 && answer.readUInt16BE(0) === question.readUInt16BE(0) && answers(answer, question);
}

/** A socket for each question: its random port is half of what somebody who forges an answer would have to guess. */
function overUdp({ address, port }: Resolver, question: Buffer): Promise<Buffer | null> {
  return new Promise((resolve) => {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    const settle = (answer: Buffer | null) => {
      clearTimeout(timer);
      socket.removeAllListeners();
      socket.on('error', () => {});
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(() => settle(null), patienceMs.udp);
    socket.on('error', () => settle(null));
    socket.on('message', (answer) => {
      if (answer.length <= longestUdpAnswer && isAnswer(answer, question)) settle(answer);
    });
    // Connected: what comes from elsewhere is not even seen, and a closed port is known at once.
    socket.connect(port, address, () => socket.send(question));
  });
}

function overTcp({ address, port }: Resolver, question: Buffer): Promise<Buffer | null> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    let received = Buffer.alloc(0);
    const settle = (answer: Buffer | null) => {
      clearTimeout(timer);
      socket.removeAllListeners();
      socket.on('error', () => {});
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => settle(null), patienceMs.tcp);
    socket.on('error', () => settle(null));
    socket.on('close', () => settle(null));
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 2) return;
      const length = received.readUInt16BE(0);
      if (received.length < 2 + length) return;
      const answer = received.subarray(2, 2 + length);
      settle(isAnswer(answer, question) ? answer : null);
    });
    socket.on('connect', () => socket.write(framed(question)));
  });
}

/** As DNS goes over TCP: its length, then the packet. */
export function framed(packet: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(packet.length);
  return Buffer.concat([length, packet]);
}
