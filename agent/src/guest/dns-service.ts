// What a container's question is answered with, and how much of that one task may ask for.

import { addressesPerNameMax } from '@berth/contract';
import type { Directory, GuestTask } from './directory.js';
import { bareRefusal, failure, type OwnAnswer, ownAnswer, udpLimit } from './dns-answer.js';
import type { Forwarder, Transport } from './dns-forward.js';
import { longestQuestionBytes, type Question, readQuestion } from './dns-question.js';
import { canonicalName, isMeant, isOurs, type NamedTask, type NameQuery, parseName } from './names.js';
import { concurrency, rateLimit } from './rate.js';

export interface DnsService {
  /** @returns null when there is to be no answer: not a task's address, no question, or too many of them. */
  answer(packet: Buffer, from: string, transport: Transport): Promise<Buffer | null>;
}

export interface DnsServiceOptions {
  readonly directory: Directory;
  readonly forwarder: Forwarder;
  /** Addresses on other hosts; the caller sees to it that they are the tenant's. */
  remote(asker: GuestTask, query: NameQuery): Promise<readonly string[]>;
  /** Whether this is an address of one of this host's tasks, or could be. */
  isTaskAddress(address: string): boolean;
  now(): number;
}

/** A resolver library asks twice for each name and search domain; a crawler asks hundreds of times a second. */
const rate = { perSecond: 300, burst: 1000 };
const forwards = { perTask: 64, inAll: 1024 };
const maxTcpBytes = 65_535;

export function dnsService({ directory, forwarder, remote, isTaskAddress, now }: DnsServiceOptions): DnsService {
  const mayAsk = rateLimit(rate);
  const forwarding = concurrency(forwards.perTask, forwards.inAll);

  async function answer(packet: Buffer, from: string, transport: Transport): Promise<Buffer | null> {
    if (packet.length > longestQuestionBytes) return null;
    const asker = directory.at(from);
    if (!asker || !mayAsk(from, now())) return null;
    const asked = readQuestion(packet);
    if (asked.kind === 'ignored') return null;
    if (asked.kind === 'refused') return bareRefusal(asked.id, asked.rcode);
    const { question } = asked;
    const own = await ownAnswerTo(question, asker);
    if (own) return ownAnswer(question, own, transport === 'tcp' ? maxTcpBytes : udpLimit(question));
    return (await forward(packet, from, transport)) ?? failure(question, 'SERVFAIL');
  }

  /** @returns null for what the host's resolvers know. */
  async function ownAnswerTo(question: Question, asker: GuestTask): Promise<OwnAnswer | null> {
    const name = question.name.toLowerCase();
    const reversed = addressOf(name);
    if (reversed !== null && isTaskAddress(reversed)) return pointerTo(reversed, asker);
    if (!isOurs(name)) return null;
    if (question.class !== 'IN' && question.class !== 'ANY') return { rcode: 'REFUSED' };
    const query = parseName(name);
    if (query.kind === 'empty') return { rcode: 'NOERROR' };
    const addresses = query.kind === 'none' ? [] : await addressesOf(query, asker);
    return addresses.length > 0 ? { rcode: 'NOERROR', addresses } : { rcode: 'NXDOMAIN' };
  }

  async function addressesOf(query: NameQuery, asker: GuestTask): Promise<string[]> {
    const here = directory.ofTenant(asker.spec.tenantId).filter((task: NamedTask) => isMeant(query, task));
    const elsewhere = await remote(asker, query);
    return [...new Set([...here.map(({ address }) => address), ...elsewhere])].slice(0, addressesPerNameMax);
  }

  function pointerTo(address: string, asker: GuestTask): OwnAnswer {
    const task = directory.at(address);
    const isOwn = task?.spec.tenantId === asker.spec.tenantId;
    return task && isOwn ? { rcode: 'NOERROR', pointer: canonicalName(task.spec.taskId) } : { rcode: 'NXDOMAIN' };
  }

  async function forward(packet: Buffer, from: string, transport: Transport): Promise<Buffer | null> {
    if (!forwarding.enter(from)) return null;
    try {
      return await forwarder.ask(packet, transport);
    } finally {
      forwarding.leave(from);
    }
  }

  return { answer };
}

/** `4.3.2.1.in-addr.arpa` is 1.2.3.4. */
function addressOf(name: string): string | null {
  const match = /^((?:\d{1,3}\.){4})in-addr\.arpa$/.exec(name);
  return match?.[1] ? match[1].slice(0, -1).split('.').reverse().join('.') : null;
}
