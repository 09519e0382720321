// An event of the audit trail, and how one is bound to the next.
import { createHash } from 'node:crypto';
import type { AuditEvent } from '@berth/contract';
import { canonicalJson } from '../tasks/canonical-json.js';

/** The chain of what concerns no tenant. */
export const platformChain = '00000000-0000-0000-0000-000000000000';

export interface AuditActor {
  readonly kind: AuditEvent['actor']['kind'];
  readonly id: string | null;
  readonly name: string;
}

/** What is known of a request before it is carried out, and after. */
export interface AuditRecord {
  /** The first gets it whatever comes of it; the others only if it was done. */
  readonly chains: readonly string[];
  readonly actor: AuditActor;
  readonly action: string;
  readonly target: string;
  readonly detail: Readonly<Record<string, unknown>>;
  /** Null: not answered (yet). */
  readonly status: number | null;
  readonly count: number;
  readonly ip: string;
  readonly requestId: string;
}

/** A link of a chain, without its hash. */
export interface AuditLink extends Omit<AuditRecord, 'chains' | 'actor'>, Pick<AuditEvent, 'sequence' | 'outcome'> {
  readonly chain: string;
  readonly at: Date;
  readonly actorKind: AuditActor['kind'];
  readonly actorId: string | null;
  readonly actorName: string;
}

export interface ChainHead {
  readonly sequence: number;
  /** 32 bytes; none before the first event. */
  readonly hash: Buffer;
}

export const emptyChain: ChainHead = { sequence: 0, hash: Buffer.alloc(0) };

export function outcomeOf(status: number | null): AuditEvent['outcome'] {
  if (status === null) return 'unknown';
  if (status === 401 || status === 403) return 'denied';
  return status < 400 ? 'done' : 'failed';
}

export function chainsOf({ chains, status }: AuditRecord): readonly string[] {
  return status === null || status < 400 ? chains : chains.slice(0, 1);
}

/** SHA-256 of the hash before it and of every field, in one notation. */
export function hashLink(previous: Buffer, link: AuditLink): Buffer {
  const { chain, sequence, at, actorKind, actorId, actorName, action, target, detail, outcome, status, count, ip, requestId } = link;
  const who = { actorKind, actorId, actorName, ip, requestId };
  const what = { chain, sequence, at: at.toISOString(), action, target, detail, outcome, status, count };
  return createHash('sha256')
    .update(previous)
    .update(canonicalJson({ ...who, ...what }))
    .digest();
}

export interface Pending {
  readonly at: Date;
  readonly record: AuditRecord;
}

/** Appends to each chain what concerns it. Keeps `heads` at the ends. */
export function appendAll(heads: Map<string, ChainHead>, pending: readonly Pending[]): { link: AuditLink; hash: Buffer }[] {
  return pending.flatMap(({ at, record }) =>
    chainsOf(record).map((chain) => {
      const head = heads.get(chain) ?? emptyChain;
      const link = toLink(chain, head.sequence + 1, at, record);
      const hash = hashLink(head.hash, link);
      heads.set(chain, { sequence: link.sequence, hash });
      return { link, hash };
    }),
  );
}

function toLink(chain: string, sequence: number, at: Date, { chains: _, actor, ...record }: AuditRecord): AuditLink {
  return {
    ...record,
    chain,
    sequence,
    at,
    actorKind: actor.kind,
    actorId: actor.id,
    actorName: actor.name,
    outcome: outcomeOf(record.status),
  };
}

/** @returns why the link does not follow its predecessor; null if it does. */
export function faultOf(previous: ChainHead, link: AuditLink, hash: Buffer): string | null {
  if (link.sequence !== previous.sequence + 1) return `the events from ${previous.sequence + 1} to ${link.sequence - 1} are missing`;
  return hashLink(previous.hash, link).equals(hash) ? null : 'it, or its hash, was changed after it was written';
}
