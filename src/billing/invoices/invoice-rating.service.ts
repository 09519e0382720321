// Rates a tenant's month from the raw records: its own lines, and corrections of closed months that late facts changed.
// The same facts and terms give the same bytes: that is how a closed invoice is verified.
import type { TenantId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { PeriodRating } from '../period-rating.service.js';
import { platformFaults } from '../usage-groups.js';
import type { BillingPeriod } from './billing-month.js';
import { correctionLines } from './corrections.js';
import type { InvoiceLine } from './invoice-line.js';
import { InvoiceLinesStore } from './invoice-lines.store.js';
import { type InvoiceRow, InvoicesStore } from './invoices.store.js';
import { type RatingFacts, termsOfCorrections } from './rating-facts.js';

/** Above every number of a fact. A draft is only looked at: nobody has to wait for whoever is just adding facts. */
const everything = '9223372036854775807';

@Injectable()
export class InvoiceRating {
  constructor(
    @Inject(PeriodRating) private readonly rating: PeriodRating,
    @Inject(InvoicesStore) private readonly invoices: InvoicesStore,
    @Inject(InvoiceLinesStore) private readonly lines: InvoiceLinesStore,
  ) {}

  /** @param month that no later facts than those of `facts` have been counted for. */
  async linesOf(tenantId: TenantId, month: BillingPeriod, facts: RatingFacts): Promise<InvoiceLine[]> {
    const own = await this.rating.rate(facts.terms, segmentOf(month), facts.counted);
    return [...own.map((line) => ({ ...line, corrects: null })), ...(await this.corrections(tenantId, month, facts))];
  }

  private async corrections(tenantId: TenantId, month: BillingPeriod, { counted }: RatingFacts): Promise<InvoiceLine[]> {
    const starts = new Date(month.startsAtMs);
    const before = await this.invoices.monthBefore(tenantId, starts);
    const since = before?.counted ?? null;
    if (since === null) return [];
    const until = counted ?? everything;
    const late = await this.lines.earliestLate(tenantId, { since, until, before: starts, faults: platformFaults });
    if (late === null) return [];
    const changed = (await this.invoices.closedMonths(tenantId, late)).filter((one) => one.endsAtMs <= month.startsAtMs);
    const corrections: InvoiceLine[] = [];
    for (const one of changed) corrections.push(...(await this.correctionOf(one, since, until)));
    return corrections;
  }

  private async correctionOf(month: InvoiceRow, since: string, until: string): Promise<InvoiceLine[]> {
    if (!month.terms) return [];
    const terms = termsOfCorrections(month.terms);
    const segment = segmentOf(month);
    const [before, after] = [await this.rating.rate(terms, segment, since), await this.rating.rate(terms, segment, until)];
    return correctionLines(before, after, month.id);
  }
}

function segmentOf({ startsAtMs, endsAtMs }: BillingPeriod) {
  return { fromMs: startsAtMs, untilMs: endsAtMs };
}
