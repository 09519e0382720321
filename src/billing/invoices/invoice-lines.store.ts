// SQL of invoices' lines, and of what came too late for the month it belongs to.
import type { StopCode, TenantId } from '@berth/contract';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import type { InvoiceLine } from './invoice-line.js';

const linesAtOnce = 2_000;

const stored = `l.kind, l.dimension, l.unit, l.quantity, l.list_price AS "listPrice", l.price, l.list_amount AS "listAmount", l.amount,
  l.isolation, l.capacity_tier AS "capacityTier", l.price_book AS "priceBook", l.starts_at, l.ends_at, l.definition,
  l.group_name AS "group", l.tags, l.user_or_key AS "userOrKey", l.note, l.corrects`;

@Injectable()
export class InvoiceLinesStore {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  async insert(manager: EntityManager, invoiceId: string, lines: readonly InvoiceLine[]): Promise<void> {
    for (let from = 0; from < lines.length; from += linesAtOnce) {
      const rows = lines.slice(from, from + linesAtOnce).map(({ segment, ...line }, index) => ({
        ...line,
        position: from + index + 1,
        startsAt: new Date(segment.fromMs).toISOString(),
        endsAt: new Date(segment.untilMs).toISOString(),
      }));
      await manager.query(
        `INSERT INTO invoice_lines (invoice_id, position, kind, dimension, unit, quantity, list_price, price, list_amount, amount,
                                    isolation, capacity_tier, price_book, starts_at, ends_at, definition, group_name, tags, user_or_key,
                                    note, corrects)
         SELECT $1, position, kind, dimension, unit, quantity, "listPrice", price, "listAmount", amount, isolation, "capacityTier",
                "priceBook", "startsAt", "endsAt", definition, "group", tags, "userOrKey", note, corrects
         FROM jsonb_to_recordset($2::jsonb) AS l(position int, kind text, dimension text, unit text, quantity numeric,
           "listPrice" numeric, price numeric, "listAmount" numeric, amount numeric, isolation text, "capacityTier" text, "priceBook" text,
           "startsAt" timestamptz, "endsAt" timestamptz, definition text, "group" text, tags text, "userOrKey" text, note text, corrects uuid)`,
        [invoiceId, JSON.stringify(rows)],
      );
    }
  }

  /** In their order, some at a time, so that an invoice of any length can be read. */
  async *read(invoiceId: string): AsyncGenerator<InvoiceLine> {
    for (let after = 0; ; after += linesAtOnce) {
      const rows: Raw[] = await this.database.query(
        `SELECT ${stored} FROM invoice_lines l WHERE l.invoice_id = $1 AND l.position > $2 ORDER BY l.position LIMIT ${linesAtOnce}`,
        [invoiceId, after],
      );
      yield* rows.map(toLine);
      if (rows.length < linesAtOnce) return;
    }
  }

  /** Numbers of the invoices with these ids. */
  async numbersOf(ids: readonly string[]): Promise<Map<string, string>> {
    const rows: { id: string; number: string }[] = await this.database.query(
      'SELECT id, number FROM invoices WHERE id = ANY($1::uuid[]) AND number IS NOT NULL',
      [ids],
    );
    return new Map(rows.map(({ id, number }) => [id, number]));
  }

  /**
   * The earliest time before `before` of which something became known after `since` and up to `until`: usage, or that a task
   * was stopped by one of `faults` and so is not billed. Null: nothing came late.
   */
  async earliestLate(
    tenantId: TenantId,
    range: { since: string; until: string; before: Date; faults: readonly StopCode[] },
  ): Promise<Date | null> {
    const [row] = await this.database.query(
      `SELECT least(
         (SELECT min(started_at) FROM usage_records WHERE tenant_id = $1 AND received > $2 AND received <= $3 AND started_at < $4),
         (SELECT min(coalesce(started_at, created_at)) FROM tasks
          WHERE tenant_id = $1 AND stop_received > $2 AND stop_received <= $3 AND stop_code = ANY($5)
            AND coalesce(started_at, created_at) < $4)) AS at`,
      [tenantId, range.since, range.until, range.before, range.faults],
    );
    return row.at;
  }
}

type Raw = Omit<InvoiceLine, 'segment'> & { starts_at: Date; ends_at: Date };

function toLine({ starts_at, ends_at, ...line }: Raw): InvoiceLine {
  return { ...line, segment: { fromMs: starts_at.getTime(), untilMs: ends_at.getTime() } };
}
