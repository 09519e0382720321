// Reads what a container asks. The packet is hostile: whatever is not plainly one question is ignored or refused.
import { decode, type OptAnswer, type Packet } from 'dns-packet';

export interface Question {
  readonly id: number;
  /** As it was written, without the last dot. */
  readonly name: string;
  /** `A`, `AAAA` …; `UNKNOWN_n` for types that the library has no name for. */
  readonly type: string;
  /** `IN`, if it is sane. */
  readonly class: string;
  /** The question section, byte for byte: an answer repeats it. */
  readonly section: Buffer;
  readonly recursionDesired: boolean;
  /** What the asker takes over UDP; null without EDNS. */
  readonly ednsBytes: number | null;
}

export type Asked =
  | { readonly kind: 'question'; readonly question: Question }
  /** Answered with an error code, because the header can be read. */
  | { readonly kind: 'refused'; readonly id: number; readonly rcode: 'FORMERR' | 'NOTIMP' }
  | { readonly kind: 'ignored' };

const headerBytes = 12;
/** A question is a few dozen bytes; cookies and signatures make it a few hundred. */
export const longestQuestionBytes = 4096;
const mostAdditionals = 4;

export function readQuestion(packet: Buffer): Asked {
  if (packet.length < headerBytes || packet.length > longestQuestionBytes) return { kind: 'ignored' };
  const id = packet.readUInt16BE(0);
  const flags = packet.readUInt16BE(2);
  const [questions, answers, authorities, additionals] = [4, 6, 8, 10].map((at) => packet.readUInt16BE(at)) as [
    number,
    number,
    number,
    number,
  ];
  // An answer that pretends to be a question would make two servers talk to each other for ever.
  if (flags & 0x8000) return { kind: 'ignored' };
  if ((flags >> 11) & 0xf) return { kind: 'refused', id, rcode: 'NOTIMP' };
  if (questions !== 1 || answers !== 0 || authorities !== 0 || additionals > mostAdditionals)
    return { kind: 'refused', id, rcode: 'FORMERR' };
  return asked(packet, id, (flags & 0x0100) !== 0);
}

function asked(packet: Buffer, id: number, recursionDesired: boolean): Asked {
  const end = endOfQuestion(packet);
  const decoded = end === null ? null : decodedOrNull(packet);
  const [asked] = decoded?.questions ?? [];
  if (!decoded || !asked || end === null) return { kind: 'refused', id, rcode: 'FORMERR' };
  const edns = decoded.additionals?.find((one): one is OptAnswer => one.type === 'OPT');
  const question = {
    id,
    name: asked.name === '.' ? '' : asked.name,
    type: asked.type,
    class: asked.class ?? 'IN',
    section: packet.subarray(headerBytes, end),
    recursionDesired,
    ednsBytes: edns?.udpPayloadSize ?? null,
  };
  return { kind: 'question', question };
}

function decodedOrNull(packet: Buffer): Packet | null {
  try {
    return decode(packet);
  } catch {
    return null;
  }
}

/** Where the question ends; null if the packet has none. */
export function endOfQuestion(packet: Buffer): number | null {
  let at = headerBytes;
  for (;;) {
    const length = packet[at];
    // A pointer has nothing to point to before the first name.
    if (length === undefined || length > 63) return null;
    at += length + 1;
    if (length === 0) return at + 4 <= packet.length ? at + 4 : null;
  }
}

/** Whether `answer` is one to `question`: the id is the asker's to compare. Servers may change the case of letters. */
export function answers(answer: Buffer, question: Buffer): boolean {
  const end = endOfQuestion(question);
  if (end === null || answer.length < end || !((answer[2] ?? 0) & 0x80) || answer.readUInt16BE(4) !== 1) return false;
  const section = (packet: Buffer) => packet.toString('latin1', headerBytes, end).toLowerCase();
  return section(answer) === section(question);
}
