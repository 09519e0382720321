// Usage on PostgreSQL: whatever comes in whatever order, the sums by the hour are those of the records, and rating is exact.
import type { TaskId } from '@berth/contract';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { ContractsStore } from '../../src/billing/contracts.store.js';
import { LiveUsageStore } from '../../src/billing/live-usage.store.js';
import { PeriodRating } from '../../src/billing/period-rating.service.js';
import { PriceBooksStore } from '../../src/billing/price-books.store.js';
import { totalOf } from '../../src/billing/rate-period.js';
import type { RatedLine } from '../../src/billing/rated-line.js';
import { UsageSumsStore } from '../../src/billing/usage-sums.store.js';
import { hourMs as hour, type Metered, newMetered } from '../support/metered.js';

const start = Date.parse('2026-11-01T00:00:00Z');
const month = { startsAtMs: start, endsAtMs: start + 720 * hour };

let metered: Metered;
let rating: PeriodRating;

beforeAll(async () => {
  metered = await newMetered(inject('databaseUrl'));
  const contracts = new ContractsStore(metered.source, new PriceBooksStore(metered.source));
  rating = new PeriodRating(contracts, new UsageSumsStore(metered.source));
});
afterAll(() => metered.destroy());
beforeEach(async () => {
  await metered.source.query(
    'TRUNCATE task_definitions, tasks, usage_records, usage_hours, usage_tasks, usage_groups, tenant_prices, contract_terms, billing_details CASCADE',
  );
  await metered.source.query(`DELETE FROM price_books WHERE (name, version) <> ('default', 1)`);
});

const lines = async (counted: string | null = null): Promise<RatedLine[]> => {
  const contract = await rating.contractOf(metered.tenant, month);
  return rating.rate(contract, { fromMs: month.startsAtMs, untilMs: month.endsAtMs }, counted);
};
const brief = (all: readonly RatedLine[]) =>
  all.map(({ kind, dimension, quantity, amount, note }) => `${kind} ${dimension} ${quantity} = ${amount}${note && ` (${note})`}`);
const book = (terms: object, startsAtMs = start - 1) =>
  metered.source.query(`INSERT INTO price_books (name, version, currency, starts_at, terms) VALUES ('default', 2, 'USD', $1, $2)`, [
    new Date(startsAtMs),
    JSON.stringify({ rates: [{ dimension: 'cpu', price: '1' }], ...terms }),
  ]);

/** Numbers that are the same each time. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state % below;
  };
}

it('sums by the hour and by task are those of the records, whatever is delivered how often and in which order', async () => {
  const pick = numbers(7);
  const tasks = await Promise.all(
    Array.from({ length: 8 }, (_, n) => metered.newTask({ family: `f${n % 3}`, tags: { team: `t${n % 2}` } })),
  );
  const records = tasks.flatMap((task) => {
    let at = start + pick(5 * hour);
    return Array.from({ length: 25 }, (_, sequence) => {
      const from = at;
      at += 1 + pick(2 * hour);
      const more = { cpuMillis: 10 + pick(4000), memoryMiB: 16 + pick(9000), frozen: pick(5) === 0, egressBytes: pick(10 ** 9) };
      return metered.record(task, sequence, from, at, more);
    });
  });
  const deliveries = [...records, ...records.filter(() => pick(3) === 0)].map((record) => ({ record, at: pick(10 ** 6) }));
  deliveries.sort((a, b) => a.at - b.at);
  let kept = 0;
  for (let from = 0; from < deliveries.length; from += 17)
    kept += await metered.insert(deliveries.slice(from, from + 17).map(({ record }) => record));
  expect(kept).toBe(records.length);

  const ms = ({ startedAt, endedAt }: (typeof records)[number]) => BigInt(Date.parse(endedAt) - Date.parse(startedAt));
  const truth = records.reduce(
    (sum, one) => ({
      task_ms: sum.task_ms + ms(one),
      cpu: sum.cpu + (one.frozen ? 0n : ms(one) * BigInt(one.cpuMillis)),
      memory: sum.memory + ms(one) * BigInt(one.memoryMiB),
      egress: sum.egress + BigInt(one.egressBytes ?? 0),
    }),
    { task_ms: 0n, cpu: 0n, memory: 0n, egress: 0n },
  );
  const asText = Object.fromEntries(Object.entries(truth).map(([name, value]) => [name, String(value)]));
  const [hours] = await metered.source.query(
    'SELECT sum(task_ms)::text AS task_ms, sum(cpu)::text AS cpu, sum(memory)::text AS memory, sum(egress)::text AS egress FROM usage_hours',
  );
  expect(hours).toEqual(asText);
  const [heads] = await metered.source.query('SELECT sum(ran_ms)::text AS task_ms FROM usage_tasks');
  expect(heads).toEqual({ task_ms: asText.task_ms });

  const contract = await rating.contractOf(metered.tenant, month);
  const segments = [
    { fromMs: start, untilMs: start + 7 * hour },
    { fromMs: start + 7 * hour, untilMs: month.endsAtMs },
  ];
  const raw = await new UsageSumsStore(metered.source).used({ tenantId: metered.tenant, segments, counted: null });
  const live = await new LiveUsageStore(metered.source).of(metered.tenant, segments, [0, 0]);
  const key = (use: (typeof raw)[number]) => JSON.stringify(use, (_, value) => (typeof value === 'bigint' ? `${value}` : value));
  expect(live.used.map(key).sort()).toEqual(raw.map(key).sort());
  expect(raw.reduce((sum, { cpu }) => sum + cpu, 0n)).toBe(truth.cpu);
  expect(contract.timeZone).toBe('UTC');
});

it('rates again to the same bytes, and up to a number to what was known then', async () => {
  const task = await metered.newTask();
  await metered.insert([metered.record(task, 0, start, start + hour)]);
  const [{ counted }] = await metered.source.query('SELECT last_value::text AS counted FROM billing_received');
  const first = JSON.stringify(await lines(counted));
  await metered.insert([metered.record(task, 1, start + hour, start + 2 * hour)]);
  await metered.stop(task, 'HostLost', start + 2 * hour);
  expect(JSON.stringify(await lines(counted))).toBe(first);
  expect(JSON.stringify(await lines())).not.toBe(first);
});

it('takes no time of a task twice, even under another sequence', async () => {
  const task = await metered.newTask();
  const other = await metered.newTask();
  expect(await metered.insert([metered.record(task, 0, start, start + hour)])).toBe(1);
  expect(
    await metered.insert([
      metered.record(task, 1, start + hour - 1, start + 2 * hour),
      metered.record(task, 2, start - hour, start + 3 * hour),
      metered.record(task, 3, start + hour, start + 2 * hour),
      metered.record(other, 0, start, start + hour),
    ]),
  ).toBe(2);
});

it('shows the time of the platform’s faults by reason, and does not charge it', async () => {
  const tasks = await Promise.all([metered.newTask(), metered.newTask()]);
  for (const task of tasks) await metered.insert([metered.record(task, 0, start, start + hour)]);
  await metered.stop(tasks[0] as TaskId, 'HostLost', start + hour);
  await metered.stop(tasks[1] as TaskId, 'UserInitiated', start + hour);
  expect(brief(await lines())).toEqual([
    'usage cpu 1 = 0.03',
    'usage memory 1 = 0.0033',
    'free cpu 1 = 0 (platform fault: HostLost)',
    'free memory 1 = 0 (platform fault: HostLost)',
  ]);
  const live = await new LiveUsageStore(metered.source).of(metered.tenant, [{ fromMs: start, untilMs: month.endsAtMs }], [0]);
  expect(live.used.map(({ fault, taskMs }) => [fault, Number(taskMs)])).toEqual([
    [null, hour],
    ['HostLost', hour],
  ]);
});

it('bills the disk beyond the book’s free part, GPUs, addresses and what was sent', async () => {
  await book({
    freeDiskMiB: 1024,
    rates: ['disk', 'gpu', 'address', 'egress'].map((dimension) => ({ dimension, price: '1' })),
  });
  const needs = { diskMiB: 3072, gpus: { count: 2 } };
  const task = await metered.newTask({
    needs,
    spec: { publishedPorts: [{ containerPort: 80 }, { containerPort: 81 }, { containerPort: 82 }] },
  });
  const sent = { egressBytes: 2 ** 31 };
  await metered.insert([metered.record(task, 0, start, start + hour, sent)]);
  expect(brief((await lines()).filter(({ kind }) => kind === 'usage'))).toEqual([
    'usage address 3 = 3',
    'usage disk 2 = 2',
    'usage egress 2 = 2',
    'usage gpu 2 = 2',
  ]);
});

it('a frozen task holds its memory and no CPU, and a new size counts from when it was there', async () => {
  const task = await metered.newTask();
  await metered.insert([
    metered.record(task, 0, start, start + hour),
    metered.record(task, 1, start + hour, start + 2 * hour, { frozen: true }),
    metered.record(task, 2, start + 2 * hour, start + 3 * hour, { cpuMillis: 4000, memoryMiB: 2048 }),
  ]);
  expect(brief(await lines())).toEqual(['usage cpu 5 = 0.15', 'usage memory 4 = 0.0132']);
});

describe('the shortest time that is billed', () => {
  it('is made up for tasks that ended sooner, by the same in the bill and in the live sums', async () => {
    await book({ minimumMs: 60_000 });
    const [short, long, lost, alive] = await Promise.all(Array.from({ length: 4 }, () => metered.newTask()));
    await metered.insert([
      metered.record(short as TaskId, 0, start, start + 10_000),
      metered.record(short as TaskId, 1, start + 10_000, start + 24_000),
      metered.record(long as TaskId, 0, start, start + 60_000),
      metered.record(lost as TaskId, 0, start, start + 1_000),
      metered.record(alive as TaskId, 0, start, start + 1_000),
    ]);
    await metered.stop(short as TaskId, 'EssentialContainerExited', start + 24_000);
    await metered.stop(long as TaskId, 'EssentialContainerExited', start + 60_000);
    await metered.stop(lost as TaskId, 'HostLost', start + 1_000);
    expect(brief((await lines()).filter(({ kind, dimension }) => kind === 'minimum' && dimension === 'cpu'))).toEqual([
      'minimum cpu 0.01 = 0.01 (minimum duration)',
    ]);
    const live = await new LiveUsageStore(metered.source).of(metered.tenant, [{ fromMs: start, untilMs: month.endsAtMs }], [60_000]);
    const made = live.used.filter(({ purpose }) => purpose === 'minimum');
    expect(made.map(({ taskMs, cpu }) => [Number(taskMs), Number(cpu)])).toEqual([[36_000, 36_000_000]]);
  });
});

it.each([
  [false, []],
  [true, ['usage cpu 1 = 1']],
])('image pulls are billed by the book’s switch: %s', async (imagePull, expected) => {
  await book({ imagePull });
  const task = await metered.newTask();
  await metered.insert([metered.record(task, 0, start, start + hour, { pull: true })]);
  expect(brief((await lines()).filter(({ kind }) => kind === 'usage'))).toEqual(expected);
});

it('groups by what was true when the usage came in', async () => {
  const task = await metered.newTask({ tags: { team: 'a' } });
  await metered.insert([metered.record(task, 0, start, start + hour)]);
  await metered.source.query(`UPDATE tasks SET tags = '{"team": "b"}'`);
  await metered.insert([metered.record(task, 1, start + hour, start + 3 * hour)]);
  const cpu = (await lines()).filter(({ dimension }) => dimension === 'cpu');
  expect(cpu.map(({ tags, quantity, definition }) => [tags, quantity, definition])).toEqual([
    ['{"team":"a"}', '1', 'web:1'],
    ['{"team":"b"}', '2', 'web:1'],
  ]);
});

it('a month is the tenant’s own, also where hours begin at half past', async () => {
  const cut = Date.parse('2026-10-31T18:30:00Z');
  await metered.source.query(`INSERT INTO billing_details (tenant_id, time_zone) VALUES ($1, 'Asia/Kolkata')`, [metered.tenant]);
  const task = await metered.newTask();
  await metered.insert([metered.record(task, 0, cut - hour, cut + hour / 2)]);
  const segments = [
    { fromMs: cut - hour, untilMs: cut },
    { fromMs: cut, untilMs: cut + hour },
  ];
  const live = await new LiveUsageStore(metered.source).of(metered.tenant, segments, [0, 0]);
  expect(live.used.map(({ taskMs }) => Number(taskMs)).sort()).toEqual([hour / 2, hour]);
});

it('commitments, reservations, own prices and credits of a tenant are in its bill', async () => {
  const task = await metered.newTask();
  await metered.insert([metered.record(task, 0, start, start + 10 * hour)]);
  const term = (kind: string, name: string, terms: object) =>
    metered.source.query(
      'INSERT INTO contract_terms (id, tenant_id, kind, name, starts_at, ends_at, terms) VALUES (gen_random_uuid(), $1, $2, $3, $4, $5, $6)',
      [metered.tenant, kind, name, new Date(start), new Date(start + 20 * hour), terms],
    );
  await metered.source.query(
    `INSERT INTO tenant_prices (tenant_id, starts_at, book_name, overrides) VALUES ($1, '2026-01-01', 'default', '{"rates": [{"dimension": "cpu", "price": "0.02"}]}')`,
    [metered.tenant],
  );
  await term('commitment', 'year', { amountPerHour: '0.05', discountPercent: '50' });
  await term('credit', 'welcome', { amount: '0.5' });
  expect(brief(await lines())).toEqual([
    'usage cpu 10 = 0.1 (commitment: year)',
    'usage memory 10 = 0.0165 (commitment: year)',
    'commitment null 1 = 0.8835 (commitment: year, not used)',
    'credit null 1 = -0.5 (credit: welcome)',
  ]);
  expect(totalOf(await lines())).toBe('0.5');
});

it('volumes are billed from when they are made until they are deleted, used or not', async () => {
  await book({ rates: [{ dimension: 'volume', price: '1' }] });
  const volume = (name: string, sizeMiB: number, fromMs: number, untilMs: number | null) =>
    metered.source.query(
      'INSERT INTO volumes (id, tenant_id, name, size_mib, created_at, deleted_at) VALUES (gen_random_uuid(), $1, $2, $3, $4, $5)',
      [metered.tenant, name, sizeMiB, new Date(fromMs), untilMs === null ? null : new Date(untilMs)],
    );
  await volume('a', 2048, start + hour, start + 2 * hour);
  await volume('b', 1024, start - hour, start + 3 * hour);
  await volume('c', 1024, month.endsAtMs - hour, null);
  await volume('d', 1024, month.endsAtMs, null);
  expect(brief(await lines())).toEqual(['usage volume 6 = 6']);
});
