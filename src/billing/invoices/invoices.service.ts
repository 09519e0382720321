// Reading invoices: closed ones as they are kept, the draft as it is at this moment.
import { type AllInvoicesQuery, type Invoice, type InvoiceDetail, type InvoiceListQuery, isId, type TenantId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { SubmittersStore } from '../../accounts/submitters.store.js';
import { notFound } from '../../errors.js';
import { badCursor, decodeCursor, type Page, pageOf } from '../../http/cursor.js';
import { DraftView } from './draft-view.service.js';
import { LineGrouping } from './group-lines.js';
import type { InvoiceHead } from './invoice-document.js';
import type { InvoiceLine } from './invoice-line.js';
import { InvoiceLinesStore } from './invoice-lines.store.js';
import { closedValues, correctedIn, toDetail, toHead, toInvoice } from './invoice-view.js';
import { type InvoiceRow, InvoicesStore } from './invoices.store.js';

/** An invoice and its lines, as documents need them. */
export interface OpenInvoice {
  readonly head: InvoiceHead;
  /** Read as they are taken. */
  readonly lines: AsyncIterable<InvoiceLine>;
}

@Injectable()
export class Invoices {
  constructor(
    @Inject(InvoicesStore) private readonly invoices: InvoicesStore,
    @Inject(InvoiceLinesStore) private readonly lines: InvoiceLinesStore,
    @Inject(DraftView) private readonly drafts: DraftView,
    @Inject(SubmittersStore) private readonly submitters: SubmittersStore,
  ) {}

  /** A tenant's, newest first; the open month with what it comes to so far. */
  async list(tenantId: TenantId, { state = null, limit, cursor }: Nullable<InvoiceListQuery>): Promise<Page<Invoice>> {
    if (state !== 'closed') await this.drafts.open(tenantId);
    const rows = await this.invoices.list({ tenantId, state }, placeOf(cursor), limit + 1);
    return this.page(rows, limit);
  }

  /** Closed ones of all tenants, or of one. */
  async listClosed({ tenantId = null, limit, cursor }: Nullable<AllInvoicesQuery>): Promise<Page<Invoice>> {
    if (tenantId !== null && !isId(tenantId)) return { items: [], nextCursor: null };
    return this.page(
      await this.invoices.list({ tenantId: tenantId as TenantId | null, state: 'closed' }, placeOf(cursor), limit + 1),
      limit,
    );
  }

  /** @param tenantId null: of any tenant. @throws ApiError not_found */
  async open(tenantId: TenantId | null, id: string): Promise<OpenInvoice> {
    const row = isId(id) ? await this.invoices.find({ tenantId }, id) : null;
    if (!row) throw notFound('invoice', id);
    if (row.state === 'closed') return { head: toHead(row, closedValues(row)), lines: this.lines.read(row.id) };
    const { values, lines } = await this.drafts.of(row);
    return { head: toHead(row, values), lines: each(lines) };
  }

  /** @throws ApiError not_found */
  async detail(tenantId: TenantId | null, id: string, groupBy: string): Promise<InvoiceDetail> {
    const { head, lines } = await this.open(tenantId, id);
    const grouping = new LineGrouping(groupBy);
    for await (const line of lines) grouping.add(line);
    const groups = grouping.result();
    const users = groupBy === 'user' ? groups.map(({ name }) => name) : [];
    const labels = await this.submitters.labelsOf(head.tenantId as TenantId, users);
    return toDetail(head, groupBy, groups, await this.lines.numbersOf(correctedIn(groups)), labels);
  }

  private async page(rows: readonly InvoiceRow[], limit: number): Promise<Page<Invoice>> {
    const { items, nextCursor } = pageOf(rows, limit, 'invoices', (row) => [row.createdAt.toISOString(), row.id]);
    const shown: Invoice[] = [];
    for (const row of items) shown.push(toInvoice(row, row.state === 'closed' ? closedValues(row) : (await this.drafts.of(row)).values));
    return { items: shown, nextCursor };
  }
}

type Nullable<T> = { [K in keyof T]: undefined extends T[K] ? T[K] | null : T[K] };

function placeOf(cursor: string | null | undefined): [string, string] | null {
  if (cursor === undefined || cursor === null) return null;
  const [createdAt = '', id = ''] = decodeCursor(cursor, 'invoices', 2);
  if (Number.isNaN(Date.parse(createdAt)) || !isId(id)) throw badCursor();
  return [createdAt, id];
}

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}
