// What the audit trail is told of requests: by whom, from where, and what came of them.
import { isId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type AuditActor, type AuditRecord, platformChain } from '../audit/audit-event.js';
import { type AuditEntry, AuditTrail } from '../audit/audit-trail.service.js';
import { cut, detailOf } from '../audit/detail.js';
import { ApiError } from '../errors.js';
import type { Caller } from './caller.js';

/** What the guard leaves on a request that is written down. */
export interface AuditedRequest {
  audit?: AuditEntry;
}

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly ip: string;
  readonly requestId: string;
}

const nobody: AuditActor = { kind: 'nobody', id: null, name: 'nobody' };

@Injectable()
export class RequestTrail {
  constructor(@Inject(AuditTrail) private readonly trail: AuditTrail) {}

  /** Nothing may be changed before this returns. */
  async begin(
    request: FastifyRequest & AuditedRequest,
    reply: FastifyReply,
    caller: Caller | null,
    action: string,
    fields: readonly string[],
  ): Promise<void> {
    const { tenantId } = Object(request.params) as { tenantId?: string };
    const record = recordOf(askedBy(request), caller, action, tenantId ?? null);
    const entry = await this.trail.begin({ ...record, detail: detailOf(request.body, fields) });
    request.audit = entry;
    const { raw } = reply;
    let ended = false;
    const end = (status: number | null) => {
      if (!ended) this.trail.end(entry, status);
      ended = true;
    };
    raw.once('finish', () => end(raw.statusCode));
    // Whoever asked has gone: what comes of it, nobody will be told.
    raw.once('close', () => end(raw.writableFinished ? raw.statusCode : null));
  }

  /** For what is no request of HTTP. @returns what to call with the status of the answer. */
  async beginSocket(asked: Asked, caller: Caller): Promise<(status: number) => void> {
    const entry = await this.trail.begin(recordOf(asked, caller, 'openSocket', null));
    return (status) => this.trail.end(entry, status);
  }

  deny(request: FastifyRequest | Asked, caller: Caller | null, action: string, refusal: unknown): void {
    if (!(refusal instanceof ApiError)) return;
    const asked = 'routeOptions' in request ? askedBy(request) : request;
    this.trail.deny({ ...recordOf(asked, caller, action, null), status: refusal.status });
  }

  /** Who it was, when that is found out on the way only; and, if it was done, whose it is, too. */
  tell({ audit }: AuditedRequest, actor: AuditActor, tenantId: string | null): void {
    if (audit) audit.record = { ...audit.record, actor, chains: tenantId ? [platformChain, tenantId] : [platformChain] };
  }
}

function askedBy({ method, url, ip, id }: FastifyRequest): Asked {
  return { method, path: url.split('?')[0] ?? '', ip, requestId: String(id) };
}

function recordOf({ method, path, ip, requestId }: Asked, caller: Caller | null, action: string, about: string | null): AuditRecord {
  return {
    chains: caller?.tenantId ? [caller.tenantId] : [platformChain, ...(about !== null && isId(about) ? [about] : [])],
    actor: caller ? actorOf(caller) : nobody,
    action,
    target: cut(`${method} ${path}`),
    detail: {},
    status: null,
    count: 1,
    ip,
    requestId,
  };
}

function actorOf({ keyId, userId, name, tenantId }: Caller): AuditActor {
  if (userId !== null) return { kind: 'user', id: userId, name };
  return tenantId === null ? { kind: 'operator-key', id: null, name } : { kind: 'key', id: keyId, name };
}
