// Invoices as files: PDF for people, CSV for spreadsheets, FOCUS for whoever compares clouds.
import { Readable } from 'node:stream';
import type { TenantId } from '@berth/contract';
import { Inject, Injectable, StreamableFile } from '@nestjs/common';
import { Exact } from '../money.js';
import { csvText } from './csv-text.js';
import { type FocusRow, focusColumns } from './focus-columns.js';
import { ReservedCosts } from './focus-commitments.js';
import { closingRows, focusRow, unusedRows } from './focus-rows.js';
import { type CsvRow, csvColumns, csvNumbers, csvRow } from './invoice-csv.js';
import { fileNameOf } from './invoice-document.js';
import { InvoiceLinesStore } from './invoice-lines.store.js';
import { renderInvoice } from './invoice-pdf.service.js';
import { Invoices, type OpenInvoice } from './invoices.service.js';

const csvType = 'text/csv; charset=utf-8';
const focusNumbers: ReadonlySet<string> = new Set(focusColumns.filter((column) => /(Cost|Quantity|Price)$/.test(column)));
/** So many lines' corrections are looked up at a time. */
const linesAtOnce = 500;

@Injectable()
export class InvoiceFiles {
  constructor(
    @Inject(Invoices) private readonly invoices: Invoices,
    @Inject(InvoiceLinesStore) private readonly lines: InvoiceLinesStore,
  ) {}

  /** @throws ApiError not_found */
  async pdf(tenantId: TenantId | null, id: string, groupBy: string): Promise<StreamableFile> {
    const detail = await this.invoices.detail(tenantId, id, groupBy);
    return file(await renderInvoice(detail), `${fileNameOf(detail)}.pdf`, 'application/pdf');
  }

  /** @throws ApiError not_found */
  async csv(tenantId: TenantId | null, id: string): Promise<StreamableFile> {
    const invoice = await this.invoices.open(tenantId, id);
    return file(Readable.from(csvText(csvColumns, csvNumbers, this.csvRows(invoice))), `${fileNameOf(invoice.head)}.csv`, csvType);
  }

  /** @throws ApiError not_found */
  async focus(tenantId: TenantId | null, id: string): Promise<StreamableFile> {
    const reserved = new ReservedCosts();
    for await (const line of (await this.invoices.open(tenantId, id)).lines) reserved.tell(line);
    const invoice = await this.invoices.open(tenantId, id);
    return file(
      Readable.from(csvText(focusColumns, focusNumbers, focusRows(invoice, reserved))),
      `${fileNameOf(invoice.head)}-focus-1.2.csv`,
      csvType,
    );
  }

  private async *csvRows({ head, lines }: OpenInvoice): AsyncGenerator<CsvRow> {
    const numbers = new Map<string, string>();
    for await (const batch of inBatches(lines)) {
      const unknown = batch.flatMap(({ corrects }) => (corrects === null || numbers.has(corrects) ? [] : [corrects]));
      for (const [id, number] of await this.lines.numbersOf([...new Set(unknown)])) numbers.set(id, number);
      for (const line of batch) yield csvRow(head, line, numbers);
    }
  }
}

async function* focusRows({ head, lines }: OpenInvoice, reserved: ReservedCosts): AsyncGenerator<FocusRow> {
  let listCost = new Exact(0);
  for await (const line of lines) {
    const row = focusRow(head, line, reserved);
    listCost = listCost.plus(row.ListCost ?? 0);
    yield row;
  }
  yield* unusedRows(head, reserved);
  yield* closingRows(head, listCost.toFixed());
}

async function* inBatches<T>(items: AsyncIterable<T>): AsyncGenerator<T[]> {
  let batch: T[] = [];
  for await (const item of items) {
    batch.push(item);
    if (batch.length < linesAtOnce) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** Names of files are made of our own numbers and months, so they need no escaping. */
function file(content: Buffer | Readable, name: string, type: string): StreamableFile {
  return new StreamableFile(content as Buffer, { type, disposition: `attachment; filename="${name}"` });
}
