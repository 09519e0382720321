// Writes the answers that are the agent's own: to questions about the platform's names, and refusals.
import { type Answer, AUTHORITATIVE_ANSWER, encode, RECURSION_AVAILABLE, RECURSION_DESIRED, TRUNCATED_RESPONSE } from 'dns-packet';
import type { Question } from './dns-question.js';
import { zone } from './names.js';

/** RFC 1035 and RFC 6895. */
const rcodes = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const;
export type Rcode = keyof typeof rcodes;

/** Tasks come and go: an answer is worth little more than the moment. */
const ttlSeconds = 5;
const headerBytes = 12;
const questionCountAt = 4;
/** Without EDNS (RFC 1035, 4.2.1). */
const plainUdpBytes = 512;
/** Fits into one packet on any path (dnsflagday.net/2020). */
const mostUdpBytes = 1232;

export interface OwnAnswer {
  readonly rcode: Rcode;
  readonly addresses?: readonly string[];
  /** For PTR. */
  readonly pointer?: string;
}

/** What the asker takes in one UDP packet. */
export function udpLimit({ ednsBytes }: Pick<Question, 'ednsBytes'>): number {
  return ednsBytes === null ? plainUdpBytes : Math.min(mostUdpBytes, Math.max(plainUdpBytes, ednsBytes));
}

/** An answer that is larger than `maxBytes` is sent empty and marked as cut, so that the asker comes back by TCP. */
export function ownAnswer(question: Question, answer: OwnAnswer, maxBytes: number): Buffer {
  const whole = packet(question, answer, recordsOf(question, answer), 0);
  return whole.length <= maxBytes ? whole : packet(question, answer, [], TRUNCATED_RESPONSE);
}

/** To a packet of which only the header could be read. */
export function bareRefusal(id: number, rcode: Rcode): Buffer {
  return encode({ type: 'response', id, flags: RECURSION_AVAILABLE | rcodes[rcode] });
}

/** To a question that has to be answered and can't be. */
export function failure(question: Question, rcode: Rcode): Buffer {
  return withQuestion(question, encode(header(question, rcodes[rcode])));
}

function packet(question: Question, { rcode }: OwnAnswer, answers: Answer[], more: number): Buffer {
  const records = {
    answers,
    // RFC 2308: how long "there is none" may be remembered.
    authorities: answers.length === 0 && !more ? [startOfAuthority] : [],
    additionals: question.ednsBytes === null ? [] : [edns],
  };
  return withQuestion(question, encode({ ...header(question, AUTHORITATIVE_ANSWER | rcodes[rcode] | more), ...records }));
}

function header({ id, recursionDesired }: Question, flags: number) {
  return { type: 'response' as const, id, flags: flags | RECURSION_AVAILABLE | (recursionDesired ? RECURSION_DESIRED : 0) };
}

/** The question goes in as it came, not as it was read: its bytes may be no text. */
function withQuestion({ section }: Question, encoded: Buffer): Buffer {
  const whole = Buffer.concat([encoded.subarray(0, headerBytes), section, encoded.subarray(headerBytes)]);
  whole.writeUInt16BE(1, questionCountAt);
  return whole;
}

function recordsOf({ name, type }: Question, { addresses = [], pointer }: OwnAnswer): Answer[] {
  const of = { name, ttl: ttlSeconds, class: 'IN' as const };
  if (pointer !== undefined) return type === 'PTR' || type === 'ANY' ? [{ ...of, type: 'PTR', data: pointer }] : [];
  return type === 'A' || type === 'ANY' ? addresses.map((data) => ({ ...of, type: 'A' as const, data })) : [];
}

const startOfAuthority: Answer = {
  name: zone,
  type: 'SOA',
  ttl: ttlSeconds,
  class: 'IN',
  data: { mname: `ns.${zone}`, rname: `hostmaster.${zone}`, serial: 1, refresh: 3600, retry: 600, expire: 86_400, minimum: ttlSeconds },
};

const edns = {
  type: 'OPT',
  name: '.',
  udpPayloadSize: mostUdpBytes,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
} as unknown as Answer;
