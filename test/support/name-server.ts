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

/** What is answered to a question. @param times how often it was asked before, by name and type */
export type Answering = (name: string, type: string, times: number) => readonly Answer[];

/**
 * @param known answers by name; everything else is answered with no records.
 * @param askedPort a free one by default
 */
export async function startNameServer(
  known: Readonly<Record<string, readonly Answer[]>> | Answering,
  askedPort = 0,
): Promise<TestNameServer> {
  const questionsAsked: string[] = [];
  const answersTo = (name: string, type: string): readonly Answer[] => {
    if (typeof known !== 'function') return known[name] ?? [];
    const question = `${name} ${type}`;
    const times = questionsAsked.filter((before) => before === question).length;
    questionsAsked.push(question);
    return known(name, type, times);
  };
  const asked: string[] = [];
  const state = { silent: false };
  const answerTo = (packet: Buffer, overTcp: boolean): Buffer => {
    const { id, questions = [] } = decode(packet);
    const name = questions[0]?.name.toLowerCase() ?? '';
    asked.push(name);
    const answers = [...answersTo(name, questions[0]?.type ?? '')];
    const whole = encode({ type: 'response', id: id ?? 0, questions, answers });
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
  tcp.listen(askedPort, '127.0.0.1');
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
