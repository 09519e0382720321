// Invoices over the API, as tenants and the operator see them, and from the command line.
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Invoice, InvoiceDetail, TaskId } from '@berth/contract';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { insertUsage } from '../../src/billing/usage-intake.store.js';
import { type Api, startApi } from '../support/api.js';

const run = promisify(execFile);
const month = (offset: number) => {
  const now = new Date();
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + offset, 1));
};
const hourMs = 3_600_000;

let berth: Api;
let tenant: { id: string; key: string };
let closed: Invoice;

beforeAll(async () => {
  berth = await startApi();
  tenant = await berth.newTenant();
  await useSome();
  await operator()
    .put('/v1/billing/seller')
    .send({ name: 'Nord GmbH', address: ['Hamburg'] })
    .expect(200);
  await operator().put(`/v1/tenants/${tenant.id}/billing`).send({ legalName: 'Acme Ltd', taxRate: '19' }).expect(200);
  const { body } = await operator().post('/v1/billing/close').send({ tenantId: tenant.id }).expect(200);
  closed = body.items[0];
});
afterAll(() => berth?.stop());

const operator = () => berth.as(berth.operatorKey);
const own = () => berth.as(tenant.key);
const problem = (answer: { status: number; body: { code?: string; field?: string } }) => [
  answer.status,
  answer.body.code,
  answer.body.field,
];

/** 100 hours last month of a task with a tag that a spreadsheet would run, and 10 this month. */
async function useSome(): Promise<void> {
  const [task, host] = [randomUUID() as string as TaskId, randomUUID()];
  await berth.database.query('UPDATE tenants SET created_at = $2 WHERE id = $1', [tenant.id, month(-1)]);
  await berth.database.query("INSERT INTO hosts (id, name, state) VALUES ($1, 'h', 'active')", [host]);
  await berth.database.query(
    "INSERT INTO task_definitions (id, tenant_id, family, revision, spec, spec_hash) VALUES ($1, $2, 'web', 1, '{}', '')",
    [task, tenant.id],
  );
  await berth.database.query(
    `INSERT INTO tasks (id, tenant_id, task_definition_id, cpu_millis, memory_mib, state, host_id, started_at, tags)
     VALUES ($1, $2, $1, 1000, 1024, 'running', $3, $4, '{"team": "=1+1"}')`,
    [task, tenant.id, host, month(-1)],
  );
  const record = (sequence: number, from: Date, hours: number) => ({
    ...{ hostId: host, taskId: task, sequence, cpuMillis: 1000, memoryMiB: 1024 },
    ...{ startedAt: from.toISOString(), endedAt: new Date(from.getTime() + hours * hourMs).toISOString() },
  });
  const records = [record(0, month(-1), 100), record(1, month(0), 10)] as unknown as Parameters<typeof insertUsage>[1];
  await berth.database.transaction((manager) => insertUsage(manager, records));
}

describe('a tenant', () => {
  it('sees what was closed, and the open month as it is so far', async () => {
    const { items } = (await own().get('/v1/invoices').expect(200)).body;
    expect(items.map(({ state, number, total }: Invoice) => [state, number, total])).toEqual([
      ['draft', null, '0.39'],
      ['closed', 'INV-000001', '3.96'],
    ]);
    expect((await own().get('/v1/invoices?state=closed').expect(200)).body.items).toHaveLength(1);
    const first = (await own().get('/v1/invoices?limit=1').expect(200)).body;
    const second = (await own().get(`/v1/invoices?limit=1&cursor=${first.nextCursor}`).expect(200)).body;
    expect([...first.items, ...second.items].map(({ id }: Invoice) => id)).toEqual(items.map(({ id }: Invoice) => id));
  });

  it('sees its lines, grouped as it likes', async () => {
    const get = async (by: string) => (await own().get(`/v1/invoices/${closed.id}?groupBy=${by}`).expect(200)).body as InvoiceDetail;
    expect((await get('service')).groups.map(({ name, amount }) => [name, amount])).toEqual([['web', '3.33']]);
    expect((await get('tag:team')).groups.map(({ name }) => name)).toEqual(['=1+1']);
    expect((await get('dimension')).groups.map(({ name, amount }) => [name, amount])).toEqual([
      ['cpu', '3'],
      ['memory', '0.33'],
    ]);
    expect(await get('user')).toMatchObject({
      seller: { name: 'Nord GmbH' },
      buyer: { name: 'Acme Ltd' },
      subtotal: '3.33',
      tax: '0.63',
      total: '3.96',
    });
    expect(problem(await own().get(`/v1/invoices/${closed.id}?groupBy=host`))).toEqual([422, 'invalid_request', 'groupBy']);
  });

  it('has it as PDF, CSV and FOCUS, and the draft as well', async () => {
    const pdf = await own()
      .get(`/v1/invoices/${closed.id}/pdf`)
      .buffer(true)
      .parse((response, done) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part)).on('end', () => done(null, Buffer.concat(parts)));
      });
    expect(pdf.headers).toMatchObject({
      'content-type': 'application/pdf',
      'content-disposition': 'attachment; filename="INV-000001.pdf"',
    });
    expect(pdf.body.subarray(0, 5).toString()).toBe('%PDF-');
    const csv = parse((await own().get(`/v1/invoices/${closed.id}/csv`).expect(200)).text, { columns: true }) as Record<string, string>[];
    expect(csv.map(({ dimension, quantity, amount, tags }) => [dimension, quantity, amount, tags])).toEqual([
      ['cpu', '100', '3', '{"team":"=1+1"}'],
      ['memory', '100', '0.33', '{"team":"=1+1"}'],
    ]);
    const focus = parse((await own().get(`/v1/invoices/${closed.id}/focus`).expect(200)).text, { columns: true }) as Record<
      string,
      string
    >[];
    expect(focus.map(({ ChargeCategory, BilledCost }) => [ChargeCategory, BilledCost])).toEqual([
      ['Usage', '3'],
      ['Usage', '0.33'],
      ['Tax', '0.63'],
    ]);
    const draft = (await own().get('/v1/invoices?state=draft').expect(200)).body.items[0];
    for (const kind of ['pdf', 'csv', 'focus']) await own().get(`/v1/invoices/${draft.id}/${kind}`).expect(200);
  });

  it('without usage has an open month of nothing', async () => {
    const other = await berth.newTenant();
    const { items } = (await berth.as(other.key).get('/v1/invoices').expect(200)).body;
    expect(items).toMatchObject([{ state: 'draft', total: '0.00', currency: 'USD' }]);
  });
});

describe('the operator', () => {
  it('proves an invoice, credits it, and sees all of them', async () => {
    expect((await operator().get(`/v1/billing/invoices/${closed.id}/verification`).expect(200)).body).toMatchObject({
      equal: true,
      lines: 2,
    });
    const ask = { reference: 'T-1', reason: 'amends', amount: '1.00' };
    const { body: note } = await operator().post(`/v1/billing/invoices/${closed.id}/credit-notes`).send(ask).expect(201);
    expect(note).toMatchObject({ kind: 'creditNote', number: 'CN-000001', correctsNumber: 'INV-000001', total: '-1.19', reason: 'amends' });
    expect((await operator().post(`/v1/billing/invoices/${closed.id}/credit-notes`).send(ask).expect(201)).body.id).toBe(note.id);
    const all = (await operator().get(`/v1/billing/invoices?tenantId=${tenant.id}`).expect(200)).body.items;
    expect(all.map(({ number }: Invoice) => number)).toEqual(expect.arrayContaining(['CN-000001', 'INV-000001']));
    await operator().get(`/v1/billing/invoices/${closed.id}/pdf`).expect(200);
    expect(
      problem(
        await operator()
          .post(`/v1/billing/invoices/${closed.id}/credit-notes`)
          .send({ ...ask, reference: 'T-2', amount: '99' }),
      ),
    ).toEqual([409, 'credit_too_large', undefined]);
  });

  it('cannot close a month that is not over', async () => {
    expect(problem(await operator().post('/v1/billing/close').send({ tenantId: tenant.id }))).toEqual([409, 'month_not_over', undefined]);
    expect(problem(await operator().post('/v1/billing/close').send({ tenantId: 'x' }))).toEqual([404, 'not_found', undefined]);
  });

  it.each([
    [{ timeZone: 'Europe/Nowhere' }, 'timeZone'],
    [{ timeZone: '+01:00' }, 'timeZone'],
    [{ currency: 'EUX' }, 'currency'],
    [{ currency: 'eur' }, 'currency'],
    [{ taxRate: '101' }, 'taxRate'],
    [{ taxRate: '-1' }, 'taxRate'],
    [{ legalName: 'a\nb' }, 'legalName'],
    [{ address: ['a', 'b\u0007'] }, 'address.1'],
    [{ stripeCustomer: '../x' }, 'stripeCustomer'],
  ])('cannot give a tenant %j', async (details, field) => {
    expect(problem(await operator().put(`/v1/tenants/${tenant.id}/billing`).send(details))).toEqual([422, 'invalid_request', field]);
  });

  it('sets and sees billing details', async () => {
    const other = await berth.newTenant();
    const details = {
      legalName: 'Łódź',
      address: ['Street 1', 'Town'],
      taxRate: '8.875',
      currency: 'USD',
      timeZone: 'Asia/Kolkata',
      paymentDays: 14,
    };
    await operator().put(`/v1/tenants/${other.id}/billing`).send(details).expect(200);
    expect((await operator().get(`/v1/tenants/${other.id}/billing`).expect(200)).body).toMatchObject({
      ...details,
      tenantId: other.id,
      taxName: 'VAT',
    });
    await operator().get(`/v1/tenants/${randomUUID()}/billing`).expect(404);
  });
});

describe('berth invoices', () => {
  const cliFolder = resolve(import.meta.dirname, '../../cli');
  const cli = async (...args: string[]) => {
    const env = {
      PATH: process.env.PATH,
      BERTH_CONFIG: join(tmpdir(), randomUUID()),
      BERTH_URL: berth.url,
      BERTH_API_KEY: tenant.key,
      BERTH_OPERATOR_KEY: berth.operatorKey,
    };
    return (await run(process.execPath, [join(cliFolder, 'dist/berth.js'), ...args], { env })).stdout;
  };
  beforeAll(() => run(process.execPath, [join(cliFolder, 'bundle.mjs')]));

  it('lists and shows them', { timeout: 180_000 }, async () => {
    expect(await cli('invoices', 'ls')).toMatch(/INV-000001 .* closed .* 3\.96 USD/);
    expect(await cli('invoices', 'show', 'INV-000001', '--by', 'dimension')).toMatch(
      /Total +3\.96 USD[\s\S]*cpu +usage +cpu +100 vCPU-hour +0\.03 +3/,
    );
  });

  it('saves them as files', { timeout: 180_000 }, async () => {
    const target = join(tmpdir(), `berth-${randomUUID()}.pdf`);
    await cli('invoices', 'pdf', 'INV-000001', '--file', target);
    expect((await readFile(target)).subarray(0, 5).toString()).toBe('%PDF-');
    await rm(target);
    expect(await cli('invoices', 'focus', 'INV-000001', '--file', '-')).toMatch(/^BilledCost,/);
  });

  it('credits one, for the operator, once for a reference', { timeout: 180_000 }, async () => {
    const words = ['billing', 'credit', closed.id, '--reference', 'T-9', '--reason', 'outage', '--amount', '0.50'];
    expect(await cli(...words)).toBe('CN-000002: -0.6 USD, for INV-000001\n');
    expect(await cli(...words)).toBe('CN-000002: -0.6 USD, for INV-000001\n');
    expect(await cli('invoices', 'ls')).toMatch(/CN-000002 .* -0\.6 USD/);
  });

  it('proves one, for the operator', { timeout: 180_000 }, async () => {
    expect(await cli('billing', 'verify', closed.id)).toMatch(/The same 2 lines/);
  });
});

describe('usage that comes when its month is closed', () => {
  it('is a correction in the open month, and leaves the closed invoice as it was', async () => {
    const files = async () => {
      const of = async (kind: string) => (await own().get(`/v1/invoices/${closed.id}/${kind}`).expect(200)).text;
      return [(await own().get(`/v1/invoices/${closed.id}`).expect(200)).body, await of('csv'), await of('focus')];
    };
    const before = await files();
    const [task] = await berth.database.query('SELECT id, host_id FROM tasks WHERE tenant_id = $1', [tenant.id]);
    const from = month(-1).getTime() + 100 * hourMs;
    const times = { startedAt: new Date(from).toISOString(), endedAt: new Date(from + 10 * hourMs).toISOString() };
    const record = { hostId: task.host_id, taskId: task.id, sequence: 2, cpuMillis: 1000, memoryMiB: 1024, ...times };
    await berth.database.transaction((manager) => insertUsage(manager, [record] as unknown as Parameters<typeof insertUsage>[1]));
    const [draft] = (await own().get('/v1/invoices?state=draft').expect(200)).body.items;
    const { groups } = (await own().get(`/v1/invoices/${draft.id}?groupBy=dimension`).expect(200)).body as InvoiceDetail;
    const late = groups.flatMap(({ lines }) => lines).filter(({ corrects }) => corrects !== null);
    expect(late.map(({ dimension, quantity, amount, corrects }) => [dimension, quantity, amount, corrects])).toEqual([
      ['cpu', '10', '0.3', 'INV-000001'],
      ['memory', '10', '0.033', 'INV-000001'],
    ]);
    expect(await files()).toEqual(before);
    expect((await operator().get(`/v1/billing/invoices/${closed.id}/verification`).expect(200)).body.equal).toBe(true);
  });

  it('is the only way: nothing in the API changes or deletes an invoice', async () => {
    for (const path of [`/v1/invoices/${closed.id}`, `/v1/billing/invoices/${closed.id}`])
      for (const method of ['put', 'patch', 'delete', 'post'] as const)
        expect((await berth.as(berth.operatorKey)[method](path).send({ total: '0' })).status, `${method} ${path}`).toBe(405);
  });
});
