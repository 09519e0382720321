// A name server of the test's own, in place of the host's: knows what it is told, over UDP and TCP, and counts.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { type Answer, decode, encode, TRUNCATED_RESPONSE } from 'dns-packet';

export interface TestNameServer {
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  /** Names that were asked for, in order, in lower case. */
  readonly asked: string[];
  /** Answers nothing while this is set. */
  silent: boolean;
  stop(): Promise<void>;
}

const mostUdpBytes = 512;

/** @param known answers by name; everything else is answered with no records. */
export async function startNameServer(known: Readonly<Record<string, readonly Answer[]>>): Promise<TestNameServer> {
  const asked: string[] = [];
  const state = { silent: false };
  const answerTo = (packet: Buffer, overTcp: boolean): Buffer => {
    const { id, questions = [] } = decode(packet);
    const name = questions[0]?.name.toLowerCase() ?? '';
    asked.push(name);
    const whole = encode({ type: 'response', id: id ?? 0, questions, answers: [...(known[name] ?? [])] });
    return overTcp || whole.length <= mostUdpBytes
      ? whole
      : encode({ type: 'response', id: id ?? 0, flags: TRUNCATED_RESPONSE, questions });
  };
  const tcp = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (data) => {
      if (state.silent) return;
      const answer = answerTo(data.subarray(2), true);
      const length = Buffer.alloc(2);
      length.writeUInt16BE(answer.length);
      socket.end(Buffer.concat([length, answer]));
    });
  });
  tcp.listen(0, '127.0.0.1');
  await once(tcp, 'listening');
  const { port } = tcp.address() as AddressInfo;
  const udp = createSocket('udp4');
  udp.on('message', (packet, from) => {
    if (!state.silent) udp.send(answerTo(packet, false), from.port, from.address);
  });
  udp.bind(port, '127.0.0.1');
  await once(udp, 'listening');
  return {
    address: `127.0.0.1:${port}`,
    asked,
    get silent() {
      return state.silent;
    },
    set silent(value) {
      state.silent = value;
    },
    async stop() {
      udp.close();
      tcp.close();
      await once(tcp, 'close');
    },
  };
}
