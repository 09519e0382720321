// Commitments, reservations and credits: agreed to, ended and taken back by the operator.
import { randomUUID } from 'node:crypto';
import {
  type ContractTermKind,
  type ContractTermView,
  contractTermsAtMost,
  type EndContractTerm,
  isId,
  type TenantId,
} from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { ApiError, notFound } from '../../errors.js';
import { type AskedSpan, calendarAt, endOf, isSameTerm, notBeforeOpenMonth, spanOf, toApiTerm } from './contract-terms.js';
import { type ContractTermRow, ContractTermsStore } from './contract-terms.store.js';

interface AskedTerm extends AskedSpan {
  readonly name: string;
}

@Injectable()
export class ContractTerms {
  constructor(@Inject(ContractTermsStore) private readonly store: ContractTermsStore) {}

  /**
   * The same again is the one that there is, so that a request may be repeated.
   * @throws ApiError invalid_request, name_taken, too_many
   */
  agree(tenantId: TenantId, kind: ContractTermKind, { name, startsAt, endsAt, ...terms }: AskedTerm): Promise<ContractTermView> {
    return this.store.alone(tenantId, async (manager) => {
      const now = new Date();
      const before = await this.store.findNamed(manager, tenantId, kind, name);
      const calendar = calendarAt(now.getTime(), await this.store.calendarOf(manager, tenantId));
      // A start that is left out is the one that there is.
      const span = spanOf(kind, { startsAt: startsAt ?? before?.starts_at.toISOString(), endsAt }, calendar);
      if (before && isSameTerm(before, { ...span, terms })) return toApiTerm(before);
      if (before) throw new ApiError('name_taken', { what: kind, name }, { field: 'name' });
      notBeforeOpenMonth('startsAt', span.startsAt, calendar);
      if ((await this.store.countOpen(manager, tenantId, now)) >= contractTermsAtMost)
        throw new ApiError('too_many', { limit: contractTermsAtMost, what: 'commitments, reservations and credits' });
      const id = randomUUID();
      await this.store.insert(manager, tenantId, { id, kind, name, starts_at: span.startsAt, ends_at: span.endsAt, terms });
      return toApiTerm(await this.existing(manager, tenantId, id));
    });
  }

  /** From then on it counts no more. @throws ApiError not_found, invalid_request */
  end(tenantId: TenantId, id: string, { endsAt }: EndContractTerm): Promise<ContractTermView> {
    return this.store.alone(tenantId, async (manager) => {
      const term = await this.existing(manager, tenantId, id);
      const calendar = calendarAt(Date.now(), await this.store.calendarOf(manager, tenantId));
      await this.store.end(manager, term.id, endOf(term, endsAt, calendar));
      return toApiTerm(await this.existing(manager, tenantId, id));
    });
  }

  /** As if it had never been agreed. @throws ApiError not_found, term_was_billed */
  delete(tenantId: TenantId, id: string): Promise<ContractTermView> {
    return this.store.alone(tenantId, async (manager) => {
      const term = await this.existing(manager, tenantId, id);
      if (!(await this.store.delete(manager, tenantId, id))) throw new ApiError('term_was_billed', { kind: term.kind, name: term.name });
      return toApiTerm(term);
    });
  }

  /** @throws ApiError not_found */
  private async existing(manager: EntityManager, tenantId: TenantId, id: string): Promise<ContractTermRow> {
    const term = isId(id) ? await this.store.find(manager, tenantId, id) : null;
    if (!term) throw notFound('contract term', id);
    return term;
  }
}
