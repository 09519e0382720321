// row 37: invoicing killed half-way, again and again, wherever it is: one invoice a month, booked once, handed to Stripe once.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TaskId, TenantId } from '@berth/contract';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { newInvoicing } from '../support/invoicing.js';
import { hourMs as hour, type Metered, newMetered } from '../support/metered.js';
import { type StripeStandIn, startStripe } from '../support/stripe-stand-in.js';

const october = Date.parse('2026-10-01T00:00:00Z');
const now = new Date('2026-12-03T00:00:00Z');
const tenants = 12;
const kills = 10;

let metered: Metered;
let stripe: StripeStandIn;

beforeEach(async () => {
  [metered, stripe] = await Promise.all([newMetered(inject('databaseUrl')), startStripe()]);
  await metered.source.query(
    `INSERT INTO tenants (id, name, created_at) SELECT gen_random_uuid(), 'tenant-' || n, $1 FROM generate_series(1, ${tenants - 1}) AS n`,
    [new Date(october)],
  );
  await metered.source.query('UPDATE tenants SET created_at = $1', [new Date(october)]);
  await metered.source.query(
    "INSERT INTO billing_details (tenant_id, tax_rate, stripe_customer) SELECT id, 19, 'cus_' || left(id::text, 8) FROM tenants",
  );
  await useAll();
});
afterEach(async () => {
  await Promise.all([metered.destroy(), stripe.stop()]);
});

/** Two hours in October and one in November, for each tenant. */
async function useAll(): Promise<void> {
  const rows: { id: TaskId }[] = await metered.source.query(
    `WITH definitions AS (
       INSERT INTO task_definitions (id, tenant_id, family, revision, spec, spec_hash) SELECT gen_random_uuid(), id, 'web', 1, '{}', '' FROM tenants RETURNING id, tenant_id
     )
     INSERT INTO tasks (id, tenant_id, task_definition_id, cpu_millis, memory_mib, state, host_id, started_at)
     SELECT gen_random_uuid(), tenant_id, id, 1000, 1024, 'running', $1, $2 FROM definitions RETURNING id`,
    [metered.host, new Date(october)],
  );
  await metered.insert(
    rows.flatMap(({ id }) => [
      metered.record(id, 0, october, october + 200 * hour),
      metered.record(id, 1, october + 800 * hour, october + 900 * hour),
    ]),
  );
}

async function start(): Promise<ChildProcess> {
  const program = join(import.meta.dirname, '../support/close-until-killed.ts');
  const child = spawn(process.execPath, ['--import', 'tsx', program, metered.url, now.toISOString(), stripe.url], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  return child;
}

const query = (sql: string) => metered.source.query(sql);

it('row 37: one invoice a month, in a row of numbers without gaps, booked once, and at Stripe once', { timeout: 600_000 }, async () => {
  let gone = 0;
  for (let kill = 0; kill < kills; kill++) {
    const child = await start();
    const exited = once(child, 'exit');
    // From within the first month's transaction to the middle of what goes to Stripe.
    await Promise.race([exited, sleep(10 + kill * 60)]);
    if (child.kill('SIGKILL')) gone += 1;
    await exited;
    if (kill === kills - 3) stripe.forgetKeys();
  }
  expect(gone, 'the process was always done before it was killed: this test proves nothing').toBeGreaterThan(3);
  const last = await start();
  await once(last, 'exit');

  const closed = await query("SELECT number, tenant_id, starts_at FROM invoices WHERE state = 'closed' ORDER BY number");
  expect(closed.map((row: { number: string }) => row.number)).toEqual(
    Array.from({ length: 2 * tenants }, (_, n) => `INV-${String(n + 1).padStart(6, '0')}`),
  );
  expect(new Set(closed.map((row: { tenant_id: string; starts_at: Date }) => `${row.tenant_id} ${row.starts_at.toISOString()}`)).size).toBe(
    2 * tenants,
  );
  expect(await query("SELECT count(*)::int AS drafts FROM invoices WHERE state = 'draft'")).toEqual([{ drafts: tenants }]);
  const totals = await query(
    'SELECT total::text, count(*)::int AS invoices FROM invoices WHERE number IS NOT NULL GROUP BY 1 ORDER BY total',
  );
  expect(totals).toEqual([
    { total: '3.96', invoices: tenants },
    { total: '7.93', invoices: tenants },
  ]);
  expect(await query("SELECT sum(amount)::text AS owed FROM ledger_entries WHERE account = 'receivable'")).toEqual([{ owed: '142.68' }]);

  const berth = newInvoicing(metered.source);
  const ids: { id: string; tenant_id: TenantId }[] = await query('SELECT id, tenant_id FROM invoices WHERE number IS NOT NULL');
  for (const { id } of ids) expect((await berth.verifier.verify(id)).differences).toEqual([]);

  const places = stripe.items.map(({ metadata }) => `${metadata.berth_invoice} ${metadata.berth_item}`);
  expect(new Set(places).size).toBe(places.length);
  expect(stripe.items.reduce((sum, { amount }) => sum + amount, 0)).toBe(14_268);
  expect(await query('SELECT count(*)::int AS open FROM stripe_exports WHERE done_at IS NULL')).toEqual([{ open: 0 }]);
});

it('what Stripe refuses, answers twice or never is told it once all the same', async () => {
  const berth = newInvoicing(metered.source, { stripe: { key: 'sk_test_of_the_tests', url: stripe.url } });
  await berth.job.run(now);
  stripe.mishaps.push('busy', 'broken', 'lost', 'lost', 'broken');
  await berth.stripe.exportAll();
  await berth.stripe.exportAll();
  expect(stripe.items.reduce((sum, { amount }) => sum + amount, 0)).toBe(14_268);
  expect(stripe.items[0]).toMatchObject({ currency: 'usd', metadata: { berth_number: expect.stringMatching(/^INV-/) } });
  expect(stripe.mishaps).toEqual([]);
});

it('without a key, nothing is told to anybody', async () => {
  const berth = newInvoicing(metered.source);
  await berth.job.run(now);
  await berth.stripe.exportAll();
  expect(stripe.items).toEqual([]);
});
