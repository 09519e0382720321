// What is agreed about bills, over the API and on the command line: price books and who has which, commitments,
// reservations and credits; what bills make of them; and what must not be agreed.
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { ContractView, InvoiceDetail, PriceBookView, TaskId } from '@berth/contract';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { insertUsage } from '../../src/billing/usage-intake.store.js';
import { type Api, startApi } from '../support/api.js';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const now = new Date();
const month = (offset: number) => new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + offset, 1));
const inFuture = (ms: number) => new Date(Date.now() + ms).toISOString();
const rates = [
  { dimension: 'cpu', price: '0.04' },
  { dimension: 'memory', price: '0.004' },
];
const example = resolve(import.meta.dirname, '../../docs/examples/fargate-us-east-1.json');

let berth: Api;
let tenant: { id: string; key: string };
let host: string;

const operator = () => berth.as(berth.operatorKey);
const own = () => berth.as(tenant.key);
const problem = ({ status, body }: { status: number; body: { code?: string; field?: string } }) => [status, body.code, body.field];
const agree = (kind: string, body: object) => operator().post(`/v1/tenants/${tenant.id}/${kind}`).send(body);
const contract = async () => (await own().get('/v1/contract').expect(200)).body as ContractView;

beforeAll(async () => {
  berth = await startApi();
  host = randomUUID();
  await berth.database.query("INSERT INTO hosts (id, name, state, last_seen_at) VALUES ($1, 'h', 'active', now())", [host]);
});
afterAll(() => berth?.stop());

beforeEach(async () => {
  tenant = await berth.newTenant();
  await berth.database.query('UPDATE tenants SET created_at = $2 WHERE id = $1', [tenant.id, month(-1)]);
  await own().get('/v1/invoices').expect(200);
});

/** A stopped task of one CPU that ran for so many hours, from `from` on. */
async function use(hours: number, from: Date, { tier, memoryMiB = 1024 }: { tier?: string; memoryMiB?: number } = {}): Promise<void> {
  const id = randomUUID() as string as TaskId;
  await berth.database.query(
    `WITH definition AS (
       INSERT INTO task_definitions (id, tenant_id, family, revision, spec, spec_hash) VALUES ($1, $2, 'web', 1, '{}', '')
       ON CONFLICT (tenant_id, family, revision) DO UPDATE SET family = excluded.family RETURNING id
     )
     INSERT INTO tasks (id, tenant_id, task_definition_id, cpu_millis, memory_mib, state, stop_code, host_id, started_at, stopped_at, needs)
     SELECT $1, $2, id, 1000, $6, 'stopped', 'UserInitiated', $3, $4, $4, $5 FROM definition`,
    [id, tenant.id, host, from, tier ? { capacityTier: tier } : {}, memoryMiB],
  );
  const times = { startedAt: from.toISOString(), endedAt: new Date(from.getTime() + hours * hourMs).toISOString() };
  const record = { hostId: host, taskId: id, sequence: 0, cpuMillis: 1000, memoryMiB, ...times } as never;
  await berth.database.transaction((manager) => insertUsage(manager, [record]));
}

/** `kind dimension amount note` of each line of the draft, or of the invoice with this id. */
async function lines(id?: string): Promise<string[]> {
  const { items } = (await own().get('/v1/invoices?state=draft').expect(200)).body;
  const { body } = await own()
    .get(`/v1/invoices/${id ?? items[0].id}?groupBy=dimension`)
    .expect(200);
  return (body as InvoiceDetail).groups.flatMap((group) =>
    group.lines.map((line) => [line.kind, line.dimension, line.amount, line.note].filter(Boolean).join(' ')),
  );
}

async function closeLastMonth(): Promise<string> {
  const { body } = await operator().post('/v1/billing/close').send({ tenantId: tenant.id }).expect(200);
  return body.items[0].id;
}

describe('a price book', () => {
  it('is made version by version, which are listed, shown and never changed', async () => {
    const name = `b-${randomUUID().slice(0, 8)}`;
    const first = { name, currency: 'EUR', startsAt: '2020-01-01T00:00:00.000Z', rates };
    const { body: made } = await operator().post('/v1/price-books').send(first).expect(201);
    expect(made).toEqual({
      ...first,
      version: 1,
      minimumMs: 0,
      imagePull: false,
      freeDiskMiB: 20_480,
      spotDiscountPercent: '0',
      freeAllowance: {},
    });
    expect((await operator().post('/v1/price-books').send(first).expect(201)).body, 'the same again').toEqual(made);
    const steps = [{ above: '100', price: '0.03' }];
    const second = {
      ...{ name, currency: 'EUR', startsAt: inFuture(dayMs), minimumMs: 60_000, imagePull: true, spotDiscountPercent: '62.5' },
      rates: [{ dimension: 'cpu', isolation: 'sandbox', capacityTier: 'spot', price: '0.05', steps }],
      freeAllowance: { egress: '10' },
    };
    const { body: next } = await operator().post('/v1/price-books').send(second).expect(201);
    expect(next).toMatchObject({ ...second, version: 2 });
    expect((await operator().get(`/v1/price-books/${name}`).expect(200)).body.items).toEqual([made, next]);
    const { items } = (await operator().get('/v1/price-books').expect(200)).body;
    expect(items.filter((one: PriceBookView) => one.name === name)).toEqual([made, next]);
    expect(
      problem(
        await operator()
          .post('/v1/price-books')
          .send({ ...first, startsAt: inFuture(2 * dayMs), currency: 'USD' }),
      ),
    ).toEqual([409, 'mixed_currencies', undefined]);
    const early = [undefined, '2021-01-01T00:00:00Z', inFuture(hourMs)];
    for (const startsAt of early)
      expect(
        problem(
          await operator()
            .post('/v1/price-books')
            .send({ ...first, startsAt }),
        ),
      ).toEqual([422, 'invalid_request', 'startsAt']);
    await operator().delete(`/v1/price-books/${name}/versions/2`).expect(200);
    await operator().delete(`/v1/price-books/${name}/versions/2`).expect(404);
    expect((await operator().get(`/v1/price-books/${name}`).expect(200)).body.items).toEqual([made]);
  });

  it('is not deleted when it is in force', async () => {
    expect(problem(await operator().delete('/v1/price-books/default/versions/1'))).toEqual([409, 'price_book_in_force', undefined]);
  });

  it.each([
    [{ name: 'Upper' }, 'name'],
    [{ currency: 'EUX' }, 'currency'],
    [{ rates: [] }, 'rates'],
    [{ rates: [{ dimension: 'heat', price: '1' }] }, 'rates.0.dimension'],
    [{ rates: [{ dimension: 'cpu', price: '-1' }] }, 'rates.0.price'],
    [{ rates: [{ dimension: 'cpu', price: '1e3' }] }, 'rates.0.price'],
    [{ rates: [{ dimension: 'cpu', price: 1 }] }, 'rates.0.price'],
    [{ rates: [...rates, { dimension: 'cpu', price: '9' }] }, 'rates'],
    [
      {
        rates: [
          {
            dimension: 'cpu',
            price: '1',
            steps: [
              { above: '5', price: '1' },
              { above: '5', price: '2' },
            ],
          },
        ],
      },
      'rates.0.steps',
    ],
    [{ rates: [{ dimension: 'cpu', price: '1', steps: [{ above: '0', price: '1' }] }] }, 'rates.0.steps'],
    [{ minimumMs: -1 }, 'minimumMs'],
    [{ spotDiscountPercent: '101' }, 'spotDiscountPercent'],
    [{ freeAllowance: { heat: '1' } }, 'freeAllowance.heat'],
    [{ startsAt: '0000-01-01T00:00:00Z' }, 'startsAt'],
    [{ startsAt: 'soon' }, 'startsAt'],
  ])('is refused with %j', async (wrong, field) => {
    const answer = await operator()
      .post('/v1/price-books')
      .send({ name: 'wrong', currency: 'USD', rates, ...wrong });
    expect([answer.status, answer.body.code]).toEqual([422, 'invalid_request']);
    expect(answer.body.field).toMatch(new RegExp(`^${field.split('.')[0]}`));
  });

  it('ships with AWS Fargate’s prices, as the example file says, and its bill is the one of AWS’ own example', async () => {
    const file = JSON.parse(await readFile(example, 'utf8'));
    const { body } = await operator().get('/v1/price-books/fargate-us-east-1').expect(200);
    expect(body.items).toEqual([{ ...file, startsAt: '2000-01-01T00:00:00.000Z', version: 1, freeAllowance: {} }]);
    expect((await operator().post('/v1/price-books').send(file).expect(201)).body).toEqual(body.items[0]);
    await agree('prices', { book: 'fargate-us-east-1', startsAt: month(-1).toISOString() }).expect(200);
    // https://aws.amazon.com/fargate/pricing/, example 1: 5 tasks of 1 vCPU and 2 GB, ten minutes a day for 30 days, $1.23.
    const starts = Array.from({ length: 5 * 30 }, (_, n) => new Date(month(-1).getTime() + Math.floor(n / 5) * 20 * hourMs));
    for (const start of starts) await use(1 / 6, start, { memoryMiB: 2048 });
    const id = await closeLastMonth();
    expect((await own().get(`/v1/invoices/${id}`).expect(200)).body).toMatchObject({
      subtotal: '1.23',
      priceBooks: ['fargate-us-east-1:1'],
    });
    expect(await lines(id)).toEqual(['usage cpu 1.012', 'usage memory 0.22225']);
  });

  it('bills a minute at the least where it says so, as Fargate’s does', async () => {
    await agree('prices', { book: 'fargate-us-east-1', startsAt: month(-1).toISOString() }).expect(200);
    const run = { definition: { family: 'web', cpuMillis: 1000, memoryMiB: 2048, containers: [{ name: 'main', image: 'nowhere/none' }] } };
    const ask = async (durationSeconds: number) =>
      Number((await own().post('/v1/quotes').send({ run, durationSeconds }).expect(200)).body.total).toFixed(10);
    expect([await ask(1), await ask(60)]).toEqual(['0.0008228333', '0.0008228333']);
    expect(await ask(61)).toBe('0.0008365472');
    await use(1 / 3600, month(-1));
    expect(await lines()).toEqual([
      'usage cpu 0.000011244444',
      'minimum cpu 0.000663422222 minimum duration',
      'usage memory 0.000001234722',
      'minimum memory 0.000072848611 minimum duration',
    ]);
  });
});

describe('a tenant’s prices', () => {
  const quote = async () => {
    const definition = { family: 'web', cpuMillis: 1000, memoryMiB: 1024, containers: [{ name: 'main', image: 'nowhere/none' }] };
    return (await own().post('/v1/quotes').send({ run: { definition } }).expect(200)).body;
  };

  it('are those of its book from a time on, with its own in their place; it reads them', async () => {
    const name = `b-${randomUUID().slice(0, 8)}`;
    await operator().post('/v1/price-books').send({ name, currency: 'USD', rates }).expect(201);
    const book = {
      book: name,
      startsAt: inFuture(3 * dayMs),
      overrides: { rates: [{ dimension: 'memory', price: '0' }], minimumMs: 1000 },
    };
    const { body } = await agree('prices', book).expect(200);
    expect(body).toEqual(await contract());
    expect(body.books.map((one: { book: PriceBookView }) => one.book.name)).toEqual(['default', `${name}+own`]);
    expect(body.books[1].book).toMatchObject({ minimumMs: 1000, rates: [rates[0], { dimension: 'memory', price: '0' }] });
    expect(body.prices).toEqual([{ ...book, discountPercent: '0' }]);
    expect((await quote()).priceBook).toBe('default:1');
    await agree('prices', { ...book, overrides: {}, discountPercent: '10' }).expect(200);
    expect((await contract()).prices, 'in place of the one for the same instant').toEqual([
      { ...book, overrides: {}, discountPercent: '10' },
    ]);
  });

  it('change what this month comes to from a time in it on, with a discount off the whole', async () => {
    await use(2, month(-1));
    const name = `b-${randomUUID().slice(0, 8)}`;
    await operator().post('/v1/price-books').send({ name, currency: 'USD', startsAt: '2020-01-01T00:00:00Z', rates }).expect(201);
    const startsAt = new Date(month(-1).getTime() + hourMs).toISOString();
    await agree('prices', { book: name, startsAt, discountPercent: '50' }).expect(200);
    expect(await lines(await closeLastMonth())).toEqual([
      'usage cpu 0.04',
      'usage cpu 0.03',
      'usage memory 0.004',
      'usage memory 0.0033',
      'discount -0.03865 discount of 50 %',
    ]);
  });

  it('do not touch closed months, come from books that hold, and keep to one currency', async () => {
    await use(1, month(-1));
    await closeLastMonth();
    const euro = `e-${randomUUID().slice(0, 8)}`;
    await operator()
      .post('/v1/price-books')
      .send({ name: euro, currency: 'EUR', startsAt: month(-1).toISOString(), rates })
      .expect(201);
    const set = async (body: object) => problem(await agree('prices', body));
    const lastMonth = new Date(month(0).getTime() - 1).toISOString();
    expect(await set({ book: 'default', startsAt: lastMonth })).toEqual([422, 'invalid_request', 'startsAt']);
    expect(await set({ book: 'none' })).toEqual([422, 'unknown_price_book', 'book']);
    expect(await set({ book: euro, startsAt: new Date(month(1).getTime() + hourMs).toISOString() })).toEqual([
      409,
      'mixed_currencies',
      'startsAt',
    ]);
    expect(await set({ book: 'default', discountPercent: '-1' })).toEqual([422, 'invalid_request', 'discountPercent']);
    const { body: credit } = await agree('credits', { name: 'c', amount: '1' }).expect(201);
    expect(await set({ book: euro, startsAt: month(1).toISOString() })).toEqual([409, 'mixed_currencies', 'book']);
    await operator().delete(`/v1/tenants/${tenant.id}/contract-terms/${credit.id}`).expect(200);
    await agree('prices', { book: euro, startsAt: month(1).toISOString() }).expect(200);
    expect((await contract()).books.map(({ book }) => book.currency)).toEqual(['USD', 'EUR']);
    expect(problem(await operator().delete(`/v1/price-books/${euro}/versions/1`))).toEqual([409, 'price_book_in_force', undefined]);
  });
});

describe('a credit', () => {
  it('is used once: what a closed month took of it, the next one has no more', async () => {
    const asked = { name: 'welcome', amount: '5', startsAt: month(-1).toISOString() };
    const { body: credit } = await agree('credits', asked).expect(201);
    expect(credit).toMatchObject({ ...asked, kind: 'credit', left: '5', uses: [], endsAt: null });
    expect((await agree('credits', asked).expect(201)).body, 'asked for twice').toEqual(credit);
    expect(problem(await agree('credits', { ...asked, amount: '6' }))).toEqual([409, 'name_taken', 'name']);
    await use(100, month(-1));
    await use(100, month(0));
    const closed = await closeLastMonth();
    expect((await lines(closed)).at(-1)).toBe('credit -3.33 credit: welcome');
    const used = [{ monthStartsAt: month(-1).toISOString(), amount: '3.33' }];
    expect((await contract()).credits).toMatchObject([{ amount: '5', left: '1.67', uses: used }]);
    for (const _ of [1, 2]) expect((await lines()).at(-1)).toBe('credit -1.67 credit: welcome');
    const path = `/v1/tenants/${tenant.id}/contract-terms/${credit.id}`;
    expect(problem(await operator().delete(path))).toEqual([409, 'term_was_billed', undefined]);
    await operator()
      .post(`${path}/end`)
      .send({ endsAt: month(0).toISOString() })
      .expect(200);
    expect(
      (await lines()).some((line) => line.startsWith('credit')),
      'ended before this month',
    ).toBe(false);
    expect((await operator().get(`/v1/billing/invoices/${closed}/verification`).expect(200)).body.equal).toBe(true);
  });

  it('is granted once, however many ask at the same time', async () => {
    const startsAt = month(0).toISOString();
    const answers = await Promise.all(Array.from({ length: 8 }, () => agree('credits', { name: 'once', amount: '1', startsAt })));
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    expect((await contract()).credits).toHaveLength(1);
  });

  it('that no month has counted is taken back', async () => {
    const { body } = await agree('credits', { name: 'mistake', amount: '1000' }).expect(201);
    await operator().delete(`/v1/tenants/${tenant.id}/contract-terms/${body.id}`).expect(200);
    expect((await contract()).credits).toEqual([]);
  });
});

describe('a commitment', () => {
  it('is paid by the hour from a full one on, and buys usage at its discount', async () => {
    const span = {
      startsAt: new Date(month(-1).getTime() - hourMs + 1).toISOString(),
      endsAt: new Date(month(-1).getTime() + 10 * hourMs).toISOString(),
    };
    const { body } = await agree('commitments', { name: 'year', ...span, amountPerHour: '0.06', discountPercent: '50' }).expect(201);
    expect(body).toMatchObject({ kind: 'commitment', startsAt: month(-1).toISOString(), amountPerHour: '0.06' });
    await use(2, month(-1));
    const id = await closeLastMonth();
    expect(await lines(id)).toEqual([
      'usage cpu 0.03 commitment: year',
      'usage memory 0.0033 commitment: year',
      'commitment 0.5667 commitment: year, not used',
    ]);
    const path = `/v1/tenants/${tenant.id}/contract-terms/${body.id}`;
    expect(problem(await operator().delete(path))).toEqual([409, 'term_was_billed', undefined]);
    expect(problem(await operator().post(`${path}/end`).send({ endsAt: span.endsAt }))).toEqual([422, 'invalid_request', 'endsAt']);
  });

  it('ends earlier, and no earlier than the open month', async () => {
    const { body } = await agree('commitments', {
      name: 'c',
      startsAt: month(-1).toISOString(),
      endsAt: month(2).toISOString(),
      amountPerHour: '1',
      discountPercent: '0',
    });
    const path = `/v1/tenants/${tenant.id}/contract-terms/${body.id}/end`;
    await closeLastMonth();
    expect(
      problem(
        await operator()
          .post(path)
          .send({ endsAt: month(-1).toISOString() }),
      ),
    ).toEqual([422, 'invalid_request', 'endsAt']);
    const noon = new Date(month(0).getTime() + hourMs / 2).toISOString();
    const { body: ended } = await operator().post(path).send({ endsAt: noon }).expect(200);
    expect(ended.endsAt).toBe(new Date(month(0).getTime() + hourMs).toISOString());
    expect(
      problem(
        await operator()
          .post(path)
          .send({ endsAt: month(1).toISOString() }),
      ),
    ).toEqual([422, 'invalid_request', 'endsAt']);
    expect(await lines()).toEqual(['commitment 1 commitment: c, not used']);
  });
});

describe('a reservation', () => {
  it('is billed whether used or not, and covers usage of its tier', async () => {
    const span = { startsAt: month(-1).toISOString(), endsAt: new Date(month(-1).getTime() + 10 * hourMs).toISOString() };
    const { body } = await agree('reservations', { name: 'core', ...span, cpuMillis: 2000, memoryMiB: 0, discountPercent: '50' }).expect(
      201,
    );
    expect(body).toMatchObject({ kind: 'reservation', isolation: 'container', capacityTier: 'guaranteed', gpus: 0 });
    await use(4, month(-1), { tier: 'guaranteed' });
    expect(await lines(await closeLastMonth())).toEqual(
      ['usage memory 0.0132', 'free cpu 0 reserved: core', 'reserved cpu 0.3 reserved: core'].sort(byDimension),
    );
  });
});

/** As the invoice groups them: cpu before memory. */
function byDimension(a: string, b: string): number {
  return (a.includes(' cpu ') ? 0 : 1) - (b.includes(' cpu ') ? 0 : 1);
}

describe('what must not be agreed', () => {
  const endsAt = () => inFuture(30 * dayMs);
  it.each<[string, () => object, string]>([
    ['credits', () => ({ name: '', amount: '1' }), 'name'],
    ['credits', () => ({ name: 'a\nb', amount: '1' }), 'name'],
    ['credits', () => ({ name: 'x', amount: '0' }), 'amount'],
    ['credits', () => ({ name: 'x', amount: '-5' }), 'amount'],
    ['credits', () => ({ name: 'x', amount: '1', startsAt: new Date(month(-1).getTime() - 1).toISOString() }), 'startsAt'],
    ['credits', () => ({ name: 'x', amount: '1', endsAt: month(-2).toISOString() }), 'endsAt'],
    ['commitments', () => ({ name: 'x', amountPerHour: '1', discountPercent: '20' }), 'endsAt'],
    ['commitments', () => ({ name: 'x', amountPerHour: '1', discountPercent: '200', endsAt: endsAt() }), 'discountPercent'],
    ['commitments', () => ({ name: 'x', amountPerHour: '0.0', discountPercent: '0', endsAt: endsAt() }), 'amountPerHour'],
    ['reservations', () => ({ name: 'x', endsAt: endsAt() }), 'cpuMillis'],
    ['reservations', () => ({ name: 'x', cpuMillis: 1.5, endsAt: endsAt() }), 'cpuMillis'],
    ['reservations', () => ({ name: 'x', cpuMillis: 1, isolation: 'vm', endsAt: endsAt() }), 'isolation'],
  ])('%s %#', async (kind, body, field) => {
    expect(problem(await agree(kind, body()))).toEqual([422, 'invalid_request', field]);
  });

  it('of another tenant’s: its terms are not found', async () => {
    const { body } = await agree('credits', { name: 'c', amount: '1' }).expect(201);
    const other = await berth.newTenant();
    await operator().delete(`/v1/tenants/${other.id}/contract-terms/${body.id}`).expect(404);
    await operator().post(`/v1/tenants/${other.id}/contract-terms/${body.id}/end`).send({}).expect(404);
    await operator().get(`/v1/tenants/${randomUUID()}/contract`).expect(404);
    expect((await berth.as(other.key).get('/v1/contract').expect(200)).body.credits).toEqual([]);
  });

  it('is in the audit trail of the tenant, who reads it', async () => {
    await agree('credits', { name: 'seen', amount: '7' }).expect(201);
    await expect
      .poll(async () => JSON.stringify((await own().get('/v1/audit').expect(200)).body.items))
      .toMatch(/createCredit.*"amount":"7"|"amount":"7".*createCredit/);
  });
});

describe('berth', () => {
  const cliFolder = resolve(import.meta.dirname, '../../cli');
  const cli = async (...words: string[]) => {
    const keys = { BERTH_URL: berth.url, BERTH_API_KEY: tenant.key, BERTH_OPERATOR_KEY: berth.operatorKey };
    const env = { PATH: process.env.PATH, BERTH_CONFIG: join(tmpdir(), randomUUID()), ...keys };
    return (await promisify(execFile)(process.execPath, [join(cliFolder, 'dist/berth.js'), ...words], { env })).stdout;
  };
  beforeAll(() => promisify(execFile)(process.execPath, [join(cliFolder, 'bundle.mjs')]));

  it('makes, shows and assigns price books', { timeout: 120_000 }, async () => {
    expect(await cli('price-book', 'create', '--file', example)).toBe('fargate-us-east-1:1\n');
    expect(await cli('price-book', 'ls')).toMatch(/^fargate-us-east-1 +1 +USD +2000-01-01T00:00:00.000Z +60 s +yes$/m);
    const mine = join(tmpdir(), `${randomUUID()}.json`);
    await writeFile(mine, JSON.stringify({ rates: [{ dimension: 'cpu', price: '0.02' }] }));
    await cli('price-book', 'assign', tenant.id, 'fargate-us-east-1', '--discount', '10', '--own', mine);
    await rm(mine);
    expect(await cli('contract')).toMatch(/fargate-us-east-1\+own:1[\s\S]*memory +any +0\.004445[\s\S]*cpu +any +0\.02[\s\S]*10 % +rates/);
    expect(await cli('price-book', 'show', 'fargate-us-east-1')).toMatch(/Shortest time +60 s[\s\S]*cpu +any +0\.04048/);
  });

  it('agrees to terms, ends them and takes them back', { timeout: 120_000 }, async () => {
    const credit = (await cli('contract', 'credit', tenant.id, 'welcome', '100')).trim();
    const until = ['--until', '365d'];
    const commitment = (await cli('contract', 'commit', tenant.id, 'year', '--per-hour', '5', '--discount', '20', ...until)).trim();
    await cli('contract', 'reserve', tenant.id, 'core', '--cpu', '64', '--memory', '256Gi', '--discount', '30', ...until);
    const shown = await cli('contract', '--tenant', tenant.id);
    expect(shown).toMatch(/^commitment +year +5 USD an hour, 20 % off/m);
    expect(shown).toMatch(/^reservation +core +64 CPU, 256 GiB \(container, guaranteed\), 30 % off/m);
    expect(shown).toMatch(/^credit +welcome +100 USD of 100 USD left/m);
    await cli('contract', 'end', tenant.id, commitment, '--at', '2d');
    await cli('contract', 'rm', tenant.id, credit);
    const after = await contract();
    expect(Date.parse(after.commitments[0]?.endsAt ?? '')).toBeLessThan(Date.now() + 3 * dayMs);
    expect(after.credits).toEqual([]);
  });
});

describe('the FOCUS file of an invoice', () => {
  it('lets reservations cost in effect what they cover and leave unused, and comes to the total', async () => {
    const span = { startsAt: month(-1).toISOString(), endsAt: new Date(month(-1).getTime() + 10 * hourMs).toISOString() };
    await agree('reservations', { name: 'core', ...span, cpuMillis: 2000, memoryMiB: 0, discountPercent: '50' }).expect(201);
    await agree('commitments', { name: 'year', ...span, amountPerHour: '0.01', discountPercent: '10' }).expect(201);
    await use(4, month(-1), { tier: 'guaranteed' });
    const id = await closeLastMonth();
    const { text } = await own().get(`/v1/invoices/${id}/focus`).expect(200);
    const rows = parse(text, { columns: true }) as Record<string, string>[];
    const shown = rows.map((row) =>
      [row.ChargeCategory, row.CommitmentDiscountName, row.CommitmentDiscountStatus, row.BilledCost, row.EffectiveCost].join(' '),
    );
    expect(shown.sort()).toEqual(
      [
        'Usage year Used 0.01188 0.01188',
        'Usage year Unused 0.08812 0.08812',
        'Usage core Used 0 0.06',
        'Usage core Unused 0 0.24',
        'Purchase core  0.3 0',
      ].sort(),
    );
    const { body } = await own().get(`/v1/invoices/${id}`).expect(200);
    for (const column of ['BilledCost', 'EffectiveCost'])
      expect(rows.reduce((sum, row) => sum + Number(row[column]), 0)).toBeCloseTo(Number(body.total), 10);
  });
});
