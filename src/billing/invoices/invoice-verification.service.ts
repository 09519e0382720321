// Proves a closed invoice: its month is rated again from the raw records, with the facts and terms of its time, and must
// give the same bytes; and the ledger must say what it says.
import { type InvoiceVerification, isId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { ApiError, notFound } from '../../errors.js';
import { hashOfLines, type InvoiceLine, lineText } from './invoice-line.js';
import { InvoiceLinesStore } from './invoice-lines.store.js';
import { InvoiceRating } from './invoice-rating.service.js';
import { type InvoiceRow, InvoicesStore } from './invoices.store.js';
import { LedgerStore } from './ledger.store.js';

const differencesShown = 10;

@Injectable()
export class InvoiceVerifier {
  constructor(
    @Inject(InvoicesStore) private readonly invoices: InvoicesStore,
    @Inject(InvoiceLinesStore) private readonly lines: InvoiceLinesStore,
    @Inject(InvoiceRating) private readonly rating: InvoiceRating,
    @Inject(LedgerStore) private readonly ledger: LedgerStore,
  ) {}

  /** Of a credit note, that its lines are those that it was made with. @throws ApiError not_found, invoice_not_closed */
  async verify(id: string): Promise<InvoiceVerification> {
    const invoice = isId(id) ? await this.invoices.find({ tenantId: null }, id) : null;
    if (!invoice) throw notFound('invoice', id);
    if (invoice.state !== 'closed' || !invoice.linesHash) throw new ApiError('invoice_not_closed');
    const kept: InvoiceLine[] = [];
    for await (const line of this.lines.read(id)) kept.push(line);
    const again = await this.ratedAgain(invoice, kept);
    const differences = [...differencesOf(kept, again), ...(await this.bookkeeping(invoice, kept))];
    return {
      invoiceId: id,
      equal: differences.length === 0,
      lines: kept.length,
      hash: hashOfLines(kept).toString('hex'),
      ratedAgain: hashOfLines(again).toString('hex'),
      differences: differences.slice(0, differencesShown),
    };
  }

  private ratedAgain(invoice: InvoiceRow, kept: InvoiceLine[]): Promise<InvoiceLine[]> | InvoiceLine[] {
    const { counted, terms, tenantId } = invoice;
    return counted !== null && terms !== null ? this.rating.linesOf(tenantId, invoice, { counted, terms }) : kept;
  }

  private async bookkeeping(invoice: InvoiceRow, kept: readonly InvoiceLine[]): Promise<string[]> {
    const owed = await this.ledger.owedFor(invoice.id);
    const total = invoice.totals?.total ?? '0';
    return [
      ...(hashOfLines(kept).equals(invoice.linesHash ?? Buffer.alloc(0)) ? [] : ['The lines are not those that were closed.']),
      ...(owed !== null && Number(owed) === Number(total) ? [] : [`The ledger says ${owed ?? 'nothing'}, the invoice ${total}.`]),
    ];
  }
}

function differencesOf(kept: readonly InvoiceLine[], again: readonly InvoiceLine[]): string[] {
  const differences: string[] = [];
  for (let index = 0; index < Math.max(kept.length, again.length); index++) {
    const [was, is] = [kept[index], again[index]];
    const [wasText, isText] = [was ? lineText(was) : 'no line', is ? lineText(is) : 'no line'];
    if (wasText !== isText) differences.push(`Line ${index + 1} is ${wasText}; rated again it is ${isText}.`);
  }
  return differences;
}
