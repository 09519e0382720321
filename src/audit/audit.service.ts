// The audit trail as it is read and checked.
import type { AuditEvent, AuditQuery, AuditVerification, AuditVerifyQuery } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { badCursor, decodeCursor, type Page, pageOf } from '../http/cursor.js';
import { AuditStore, type StoredLink } from './audit.store.js';
import { type ChainHead, emptyChain, faultOf } from './audit-event.js';
import { AuditTrail } from './audit-trail.service.js';

const perPage = 2_000;

@Injectable()
export class AuditService {
  constructor(
    @Inject(AuditStore) private readonly store: AuditStore,
    @Inject(AuditTrail) private readonly trail: AuditTrail,
  ) {}

  /** Newest first. */
  async list(chain: string, query: AuditQuery): Promise<Page<AuditEvent>> {
    const before = query.cursor === undefined ? null : (decodeCursor(query.cursor, 'audit', 1)[0] ?? '');
    if (before !== null && !/^\d{1,18}$/.test(before)) throw badCursor();
    await this.trail.catchUp();
    const rows = await this.store.list(chain, query, before, query.limit + 1);
    const page = pageOf(rows, query.limit, 'audit', (row) => [String(row.sequence)]);
    return { ...page, items: page.items.map(toApiEvent) };
  }

  /** Computes every hash anew, from the first event on. @param noted a head that must still be there. */
  async verify(chain: string, noted: AuditVerifyQuery): Promise<AuditVerification> {
    await this.trail.catchUp();
    let head = emptyChain;
    for (;;) {
      const links = await this.store.page(chain, head.sequence, perPage);
      for (const link of links) {
        const reason = faultOf(head, link, link.hash) ?? notedFault(link, noted);
        if (reason !== null)
          return { intact: false, events: head.sequence, head: toApiHead(head), broken: { sequence: link.sequence, reason } };
        head = { sequence: link.sequence, hash: link.hash };
      }
      if (links.length < perPage) break;
    }
    const { sequence = 0 } = noted;
    const broken = sequence > head.sequence ? { sequence, reason: `the events after ${head.sequence} are missing` } : null;
    return { intact: broken === null, events: head.sequence, head: toApiHead(head), broken };
  }
}

function notedFault({ sequence, hash }: StoredLink, noted: AuditVerifyQuery): string | null {
  if (sequence !== noted.sequence || noted.hash === undefined || noted.hash === hash.toString('hex')) return null;
  return 'it is not the event that was noted: the chain was made anew';
}

function toApiHead({ sequence, hash }: ChainHead): AuditVerification['head'] {
  return sequence === 0 ? null : { sequence, hash: hash.toString('hex') };
}

function toApiEvent({ chain: _, at, actorKind, actorId, actorName, hash, ...event }: StoredLink): AuditEvent {
  return {
    ...event,
    detail: { ...event.detail },
    at: at.toISOString(),
    actor: { kind: actorKind, id: actorId, name: actorName },
    hash: hash.toString('hex'),
  };
}
