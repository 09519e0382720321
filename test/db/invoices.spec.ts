// Closing months on PostgreSQL: one invoice each, that never changes, is booked twice and can be proved; what comes late is
// a correction in the open month.
import type { TaskId } from '@berth/contract';
import { DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { type Invoicing, newInvoicing } from '../support/invoicing.js';
import { hourMs as hour, type Metered, newMetered } from '../support/metered.js';

const october = Date.parse('2026-10-01T00:00:00Z');
const november = Date.parse('2026-11-01T00:00:00Z');
const december = Date.parse('2026-12-01T00:00:00Z');
const at = (ms: number) => new Date(ms + 60_000);

let metered: Metered;
let berth: Invoicing;
let task: TaskId;

beforeEach(async () => {
  metered = await newMetered(inject('databaseUrl'));
  berth = newInvoicing(metered.source);
  await metered.source.query('UPDATE tenants SET created_at = $1', [new Date(october)]);
  task = await metered.newTask({ tags: { team: 'blue' }, startedAtMs: october });
});
afterEach(() => metered.destroy());

const hours = (sequence: number, from: number, count: number) => metered.record(task, sequence, from, from + count * hour);
const query = (sql: string, values?: unknown[]) => metered.source.query(sql, values);
const find = async (id: string | null) => {
  const row = id === null ? null : await berth.store.find({ tenantId: metered.tenant }, id);
  if (!row) throw new Error('There is no such invoice.');
  return row;
};
const brief = async (id: string | null) =>
  (await berth.linesOf(id ?? '')).map(
    (line) => `${line.kind} ${line.dimension} ${line.quantity} = ${line.amount}${line.corrects ? ' late' : ''}`,
  );

describe('closing a month', () => {
  it('makes one invoice of its usage, with totals, number and booking, and opens the next', async () => {
    await berth.details.put(metered.tenant, { ...terms, taxRate: '19' });
    await metered.insert([hours(0, october, 100), hours(1, october + 100 * hour, 23)]);
    const id = await berth.close(metered.tenant, at(november));
    expect(await brief(id)).toEqual(['usage cpu 123 = 3.69', 'usage memory 123 = 0.4059']);
    expect(await find(id)).toMatchObject({
      number: 'INV-000001',
      state: 'closed',
      totals: { exact: '4.0959', subtotal: '4.10', tax: '0.78', total: '4.88' },
      priceBooks: ['default:1'],
      buyer: { name: 'Acme Ltd' },
    });
    expect(await query('SELECT account, amount FROM ledger_entries ORDER BY position')).toEqual([
      { account: 'receivable', amount: '4.88' },
      { account: 'revenue', amount: '-4.0959' },
      { account: 'rounding', amount: '-0.0041' },
      { account: 'tax', amount: '-0.78' },
    ]);
    expect(await berth.store.draft(metered.tenant)).toMatchObject({ startsAtMs: november, endsAtMs: december, number: null });
    expect(await berth.close(metered.tenant, at(november))).toBeNull();
  });

  it('waits until the month is over', async () => {
    await metered.insert([hours(0, october, 1)]);
    expect(await berth.close(metered.tenant, new Date(november - 1))).toBeNull();
  });

  it('splits what goes on over its end, to the millisecond', async () => {
    await metered.insert([metered.record(task, 0, november - 1500, november + 2 * hour)]);
    await berth.close(metered.tenant, at(november));
    await berth.close(metered.tenant, at(december));
    const rows = await query('SELECT quantity FROM invoice_lines WHERE dimension = $1 ORDER BY ends_at', ['cpu']);
    expect(rows.map((row: { quantity: string }) => Number(row.quantity) * hour)).toEqual([expect.closeTo(1500, 3), 2 * hour]);
  });

  it('keeps to the tenant’s calendar', async () => {
    await berth.details.put(metered.tenant, { ...terms, timeZone: 'Europe/Berlin' });
    await metered.insert([hours(0, november - 2 * hour, 2)]);
    await berth.close(metered.tenant, at(november));
    expect(await query("SELECT quantity FROM invoice_lines WHERE dimension = 'cpu'")).toEqual([{ quantity: '1' }]);
    expect(await berth.store.draft(metered.tenant)).toMatchObject({ startsAtMs: november - hour });
  });

  it('of nothing leaves neither a number nor a booking, and is not shown', async () => {
    const id = await berth.close(metered.tenant, at(november));
    expect(await query('SELECT number, state FROM invoices WHERE id = $1', [id])).toEqual([{ number: null, state: 'closed' }]);
    expect(await query('SELECT FROM ledger_transactions')).toEqual([]);
    expect(await berth.store.find({ tenantId: null }, id ?? '')).toBeNull();
  });

  it('by many at once makes one invoice', async () => {
    await metered.insert([hours(0, october, 10)]);
    await berth.months.open(metered.tenant);
    const others = await Promise.all(Array.from({ length: 4 }, () => new DataSource({ type: 'postgres', url: metered.url }).initialize()));
    const closed = await Promise.all(others.map((source) => newInvoicing(source).close(metered.tenant, at(november))));
    await Promise.all(others.map((source) => source.destroy()));
    expect(closed.filter((id) => id !== null)).toHaveLength(1);
    expect(await query("SELECT number FROM invoices WHERE state = 'closed'")).toEqual([{ number: 'INV-000001' }]);
  });

  it('is refused where the price book is in another currency, and changes nothing', async () => {
    await berth.details.put(metered.tenant, { ...terms, currency: 'EUR' });
    await metered.insert([hours(0, october, 1)]);
    await expect(berth.close(metered.tenant, at(november))).rejects.toMatchObject({ code: 'currency_mismatch' });
    expect(await query('SELECT state FROM invoices')).toEqual([{ state: 'draft' }]);
  });

  it('takes from a credit what it needs, and leaves the rest for the next month', async () => {
    await query(
      `INSERT INTO contract_terms (id, tenant_id, kind, name, starts_at, terms)
       VALUES (gen_random_uuid(), $1, 'credit', 'welcome', $2, '{"amount": "0.05"}')`,
      [metered.tenant, new Date(october)],
    );
    await metered.insert([hours(0, october, 1), hours(1, november, 1)]);
    const [first, second] = [await berth.close(metered.tenant, at(november)), await berth.close(metered.tenant, at(december))];
    expect((await brief(first)).at(-1)).toBe('credit null 1 = -0.0333');
    expect((await brief(second)).at(-1)).toBe('credit null 1 = -0.0167');
    expect((await berth.verifier.verify(first ?? '')).differences).toEqual([]);
  });
});

describe('what comes late', () => {
  beforeEach(async () => {
    await metered.insert([hours(0, october, 10)]);
    await berth.close(metered.tenant, at(november));
  });

  it('is a correction in the open month, by the prices of its time; the closed one stays as it was', async () => {
    await query(`INSERT INTO price_books (name, version, currency, starts_at, terms) VALUES ('default', 2, 'USD', $1, $2)`, [
      new Date(november),
      JSON.stringify({
        rates: [{ dimension: 'cpu', price: '9' }],
        minimumMs: 0,
        imagePull: false,
        freeDiskMiB: 0,
        spotDiscountPercent: '0',
        freeAllowance: {},
      }),
    ]);
    const before = await query('SELECT * FROM invoice_lines');
    await metered.insert([hours(1, october + 10 * hour, 5), hours(0, october, 10), hours(2, november, 1)]);
    const id = await berth.close(metered.tenant, at(december));
    expect(await brief(id)).toEqual(expect.arrayContaining(['usage cpu 1 = 9', 'usage cpu 5 = 0.15 late', 'usage memory 5 = 0.0165 late']));
    expect(await query('SELECT * FROM invoice_lines WHERE invoice_id <> $1', [id])).toEqual(before);
    expect((await berth.verifier.verify(id ?? '')).differences).toEqual([]);
  });

  it('shows in the draft at once', async () => {
    await metered.insert([hours(1, october + 10 * hour, 5)]);
    const draft = await berth.store.draft(metered.tenant);
    const { lines, values } = await berth.drafts.of(draft as NonNullable<typeof draft>);
    expect(lines.map(({ amount, corrects }) => [amount, corrects !== null])).toEqual([
      ['0.15', true],
      ['0.0165', true],
    ]);
    expect(values.totals).toMatchObject({ exact: '0.1665', total: '0.17' });
  });

  it('is billed once: the month after that has nothing more of it', async () => {
    await metered.insert([hours(1, october + 10 * hour, 5)]);
    await berth.close(metered.tenant, at(december));
    const id = await berth.close(metered.tenant, at(Date.parse('2027-01-01T00:00:00Z')));
    expect(await brief(id)).toEqual([]);
  });

  it('can be that the platform was at fault: what was billed is given back', async () => {
    await metered.stop(task, 'HostLost', october + 10 * hour);
    const id = await berth.close(metered.tenant, at(december));
    const lines = await berth.linesOf(id ?? '');
    const sum = lines.filter((line) => line.corrects !== null).reduce((total, line) => total + Number(line.amount), 0);
    expect(sum).toBeCloseTo(-0.333, 10);
    expect(lines.map((line) => line.note)).toContain('platform fault: HostLost');
    expect((await berth.verifier.verify(id ?? '')).equal).toBe(true);
  });

  it('is never missed: counting waits for whoever is just adding', async () => {
    const runner = metered.source.createQueryRunner();
    await runner.startTransaction();
    await runner.query(
      'INSERT INTO usage_records (task_id, sequence, tenant_id, host_id, started_at, ended_at, cpu_millis, memory_mib) VALUES ($1, 7, $2, $3, $4, $5, 1, 1)',
      [...[task, metered.tenant, metered.host, new Date(november), new Date(november + 1)]],
    );
    const counting = berth.store.counted();
    const first = await Promise.race([counting.then(() => 'counted'), new Promise((resolve) => setTimeout(resolve, 300, 'waits'))]);
    await runner.commitTransaction();
    await runner.release();
    const [{ received }] = await query('SELECT received FROM usage_records WHERE sequence = 7');
    expect([first, BigInt(await counting) >= BigInt(received)]).toEqual(['waits', true]);
  });
});

describe('a closed invoice', () => {
  let id: string;
  beforeEach(async () => {
    await metered.insert([hours(0, october, 10)]);
    id = (await berth.close(metered.tenant, at(november))) ?? '';
  });

  it.each([
    "UPDATE invoices SET total = 0 WHERE state = 'closed'",
    "UPDATE invoices SET state = 'draft' WHERE state = 'closed'",
    "DELETE FROM invoices WHERE state = 'closed'",
    'UPDATE invoice_lines SET amount = 0',
    'DELETE FROM invoice_lines',
    'INSERT INTO invoice_lines SELECT invoice_id, position + 100, kind, dimension, unit, quantity, list_price, price, list_amount, amount, isolation, capacity_tier, price_book, starts_at, ends_at, definition, group_name, tags, user_or_key, note, corrects FROM invoice_lines',
    'TRUNCATE invoice_lines',
    'TRUNCATE invoices CASCADE',
    'UPDATE ledger_entries SET amount = 0',
    'DELETE FROM ledger_transactions',
    'TRUNCATE ledger_entries',
    'INSERT INTO ledger_entries SELECT transaction_id, position + 10, account, currency, 0 FROM ledger_entries',
  ])('refuses: %s', async (sql) => {
    const before = await berth.verifier.verify(id);
    await expect(query(sql)).rejects.toMatchObject({ code: expect.stringMatching(/^23/) });
    expect(await berth.verifier.verify(id)).toEqual(before);
  });

  it('is proved by rating it again; whatever was changed behind its back is found', async () => {
    const { equal, hash, ratedAgain } = await berth.verifier.verify(id);
    expect([equal, hash]).toEqual([true, ratedAgain]);
    await query('UPDATE usage_records SET ended_at = ended_at - interval $$1 millisecond$$');
    expect(await berth.verifier.verify(id)).toMatchObject({
      equal: false,
      differences: [expect.stringContaining('Line 1'), expect.anything()],
    });
  });
});

describe('the ledger', () => {
  const book = (amounts: string) =>
    query(
      `WITH i AS (INSERT INTO invoices (id, tenant_id, kind, starts_at, ends_at, time_zone)
                      VALUES (gen_random_uuid(), $1, 'invoice', now(), now() + interval '1 day', 'UTC') RETURNING id),
                t AS (INSERT INTO ledger_transactions (id, tenant_id, invoice_id, description, at) SELECT gen_random_uuid(), $1, id, '', now() FROM i RETURNING id)
           INSERT INTO ledger_entries (transaction_id, position, account, currency, amount)
           SELECT t.id, row_number() OVER (), 'revenue', currency, amount FROM t, (VALUES ${amounts}) AS e(amount, currency)`,
      [metered.tenant],
    );

  it.each([
    ["(1, 'USD'), (-0.999999999999, 'USD')", false],
    ["(1, 'USD'), (-1, 'EUR')", false],
    ["(0, 'USD')", false],
    ["(1, 'USD'), (-1, 'USD')", true],
    ["(1, 'USD'), (-0.4, 'USD'), (-0.6, 'USD'), (2, 'EUR'), (-2, 'EUR')", true],
  ])('%s: %s', async (amounts, fits) => {
    if (fits) await book(amounts);
    else await expect(book(amounts)).rejects.toMatchObject({ code: '23514' });
    expect((await query('SELECT FROM ledger_transactions')).length).toBe(fits ? 1 : 0);
  });
});

describe('a credit note', () => {
  const ask = { reference: 'T-1', reason: 'amends' };
  let id: string;
  beforeEach(async () => {
    await berth.details.put(metered.tenant, { ...terms, taxRate: '19' });
    await metered.insert([hours(0, october, 300)]);
    id = (await berth.close(metered.tenant, at(november))) ?? '';
  });
  const issue = (more: object = {}) => berth.credits.issue(id, { ...ask, ...more }, at(november));

  it('takes back the whole, line by line, and books the opposite', async () => {
    const note = await find(await issue());
    expect(note).toMatchObject({
      kind: 'creditNote',
      number: 'CN-000001',
      correctsNumber: 'INV-000001',
      totals: { subtotal: '-9.99', tax: '-1.90', total: '-11.89' },
    });
    expect(await brief(note.id)).toEqual(['usage cpu -300 = -9', 'usage memory -300 = -0.99']);
    expect(await query('SELECT account, sum(amount)::text AS left FROM ledger_entries GROUP BY account HAVING sum(amount) <> 0')).toEqual(
      [],
    );
    expect((await berth.verifier.verify(note.id)).equal).toBe(true);
  });

  it('is the same one for the same reference', async () => {
    expect(await issue()).toBe(await issue());
    await expect(issue({ reason: 'other' })).rejects.toMatchObject({ code: 'idempotency_conflict' });
    await expect(issue({ amount: '1' })).rejects.toMatchObject({ code: 'idempotency_conflict' });
  });

  it('takes back no more than there is, even when many are asked for at once, and not a cent stays', async () => {
    const many = await Promise.allSettled(Array.from({ length: 6 }, (_, n) => issue({ reference: `T-${n}`, amount: '3.33' })));
    expect(many.filter((one) => one.status === 'fulfilled')).toHaveLength(3);
    const [sum] = await query('SELECT sum(subtotal)::text AS subtotal, sum(tax)::text AS tax FROM invoices WHERE number IS NOT NULL');
    expect(sum).toEqual({ subtotal: '0.00', tax: '0.00' });
    await expect(issue({ reference: 'more' })).rejects.toMatchObject({ code: 'credit_too_large' });
  });

  it.each([
    [{ amount: '9.991' }, 'invalid_request'],
    [{ amount: '10' }, 'credit_too_large'],
    [{ amount: '0' }, 'credit_too_large'],
  ])('refuses %j', async (more, code) => {
    await expect(issue(more)).rejects.toMatchObject({ code });
  });

  it('is for closed invoices only', async () => {
    const draft = await berth.store.draft(metered.tenant);
    await expect(berth.credits.issue(draft?.id ?? '', ask, at(november))).rejects.toMatchObject({ code: 'invoice_not_closed' });
  });
});

const terms = {
  ...{ legalName: 'Acme Ltd', address: [], email: '', taxId: '', taxName: 'VAT', taxRate: '0', currency: null },
  ...{ timeZone: 'UTC', paymentDays: 30, reference: '', stripeCustomer: null },
};
