// Usage records on PostgreSQL: kept once, for tasks of their host only, and priced.
import { randomUUID } from 'node:crypto';
import { type HostId, type StopCode, stopCodes, type TaskId, type TenantId } from '@berth/contract';
import { DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { ContractsStore } from '../../src/billing/contracts.store.js';
import { CostService } from '../../src/billing/cost.service.js';
import { LiveUsageStore } from '../../src/billing/live-usage.store.js';
import { PriceBooksStore } from '../../src/billing/price-books.store.js';
import { UsageStore } from '../../src/billing/usage.store.js';
import { insertUsage, type ReceivedUsage } from '../../src/billing/usage-intake.store.js';
import { freshDatabase } from '../support/cluster.js';

const start = Date.parse('2026-11-01T00:00:00Z');
const minute = 60_000;
const tenant = randomUUID() as TenantId;
const host = randomUUID() as HostId;
const otherHost = randomUUID() as HostId;
const task = randomUUID() as TaskId;

let database: Awaited<ReturnType<typeof freshDatabase>>;
let source: DataSource;
let costs: CostService;

beforeEach(async () => {
  database = await freshDatabase(inject('databaseUrl'));
  source = await new DataSource({ type: 'postgres', url: database.url }).initialize();
  costs = new CostService(new UsageStore(source), new ContractsStore(source, new PriceBooksStore(source)));
  await source.query(`INSERT INTO tenants (id, name) VALUES ($1, 't')`, [tenant]);
  await source.query(`INSERT INTO hosts (id, name, state) VALUES ($1, 'a', 'active'), ($2, 'b', 'active')`, [host, otherHost]);
  await source.query(`INSERT INTO task_definitions (id, tenant_id, family, revision, spec, spec_hash) VALUES ($1, $2, 'f', 1, '{}', '')`, [
    task,
    tenant,
  ]);
  await source.query(
    `INSERT INTO tasks (id, tenant_id, task_definition_id, cpu_millis, memory_mib, state, host_id, started_at)
     VALUES ($1, $2, $1, 1000, 1024, 'running', $3, $4)`,
    [task, tenant, host, new Date(start)],
  );
});
afterEach(async () => {
  await source.destroy();
  await database.drop();
});

const record = (sequence: number, more: Partial<ReceivedUsage> = {}): ReceivedUsage => ({
  hostId: host,
  taskId: task,
  sequence,
  startedAt: new Date(start + sequence * minute).toISOString(),
  endedAt: new Date(start + (sequence + 1) * minute).toISOString(),
  cpuMillis: 1000,
  memoryMiB: 1024,
  ...more,
});
const insert = (records: ReceivedUsage[]) => source.transaction((manager) => insertUsage(manager, records));
const stop = (code: StopCode) =>
  source.query(`UPDATE tasks SET state = 'stopped', stop_code = $2, stopped_at = now() WHERE id = $1`, [task, code]);

describe('insertUsage', () => {
  it('keeps each record once, however often and in whatever order it comes', async () => {
    expect(await insert([record(2), record(0), record(1), record(1)])).toBe(3);
    expect(await insert([record(1), record(3)])).toBe(1);
    expect(await insert([])).toBe(0);
    const rows = await source.query('SELECT sequence, tenant_id, host_id FROM usage_records ORDER BY sequence');
    expect(rows).toEqual([0, 1, 2, 3].map((sequence) => ({ sequence, tenant_id: tenant, host_id: host })));
  });

  it('does not let a second version of a record in', async () => {
    await insert([record(0)]);
    expect(await insert([record(0, { cpuMillis: 256_000 })])).toBe(0);
    expect(await source.query('SELECT cpu_millis FROM usage_records')).toEqual([{ cpu_millis: 1000 }]);
  });

  it('drops records of tasks that the host does not have, of unknown tasks, and that end before they start', async () => {
    const backwards = { startedAt: record(1).startedAt, endedAt: record(0).startedAt };
    expect(
      await insert([record(0, { hostId: otherHost }), record(1, { taskId: randomUUID() as TaskId }), record(2, backwards), record(3)]),
    ).toBe(1);
    expect(await source.query('SELECT sequence FROM usage_records')).toEqual([{ sequence: 3 }]);
  });
});

describe('the cost of a task', () => {
  it('is that of its records once it has stopped', async () => {
    await insert(Array.from({ length: 60 }, (_, sequence) => record(sequence)));
    await stop('EssentialContainerExited');
    expect(await costs.ofTask(tenant, task)).toMatchObject({
      total: '0.0333',
      durationMs: 60 * minute,
      unbilledMs: 0,
      live: false,
      perHour: '0',
    });
  });

  it('does not grow from a pull on, but from when it runs', async () => {
    const pulled = { startedAt: new Date(start - 2 * minute).toISOString(), endedAt: new Date(start - minute).toISOString(), pull: true };
    await insert([record(0, pulled)]);
    const live = async () => {
      const segments = [{ fromMs: start - 60 * minute, untilMs: start + minute }];
      const { used } = await new LiveUsageStore(source).of(tenant, segments, [0]);
      return used.map(({ purpose, taskMs }) => [purpose, Number(taskMs)]);
    };
    await source.query("UPDATE hosts SET state = 'unreachable', last_seen_at = $1", [new Date(start + minute)]);
    expect(await live()).toEqual([
      ['pull', minute],
      ['used', minute],
    ]);
    expect((await costs.ofTask(tenant, task)).durationMs).toBe(minute);
    await source.query("UPDATE tasks SET state = 'starting', started_at = NULL");
    expect(await live()).toEqual([['pull', minute]]);
    expect((await costs.ofTask(tenant, task)).durationMs).toBe(0);
  });

  it('grows from the last record while it runs', async () => {
    await insert([record(0)]);
    const { durationMs, live } = await costs.ofTask(tenant, task);
    expect(live).toBe(true);
    expect(durationMs).toBeGreaterThan(Date.now() - start - minute);
  });

  it('stands still while its host is out of touch', async () => {
    await insert([record(0)]);
    await source.query(`UPDATE hosts SET state = 'unreachable', last_seen_at = $2 WHERE id = $1`, [host, new Date(start + 3 * minute)]);
    expect((await costs.ofTask(tenant, task)).durationMs).toBe(3 * minute);
  });

  it.each(Object.keys(stopCodes) as StopCode[])('is charged only if the platform was not at fault: %s', async (code) => {
    await insert([record(0)]);
    await stop(code);
    const { durationMs, unbilledMs, total, lines } = await costs.ofTask(tenant, task);
    const platform = stopCodes[code].fault === 'platform';
    expect({ durationMs, unbilledMs }).toEqual(platform ? { durationMs: 0, unbilledMs: minute } : { durationMs: minute, unbilledMs: 0 });
    expect({ free: total === '0', lines: lines.length }).toEqual({ free: platform, lines: platform ? 0 : 2 });
  });

  it('follows the price book of the time of use', async () => {
    await source.query(`INSERT INTO price_books (name, version, currency, starts_at, terms) VALUES ('default', 2, 'USD', $1, $2)`, [
      new Date(start + 60 * minute),
      JSON.stringify({
        rates: [
          { dimension: 'cpu', price: '3' },
          { dimension: 'memory', price: '0' },
        ],
      }),
    ]);
    await insert([record(59), record(60)]);
    await stop('UserInitiated');
    const cost = await costs.ofTask(tenant, task);
    expect(cost.priceBook).toBe('default:1, default:2');
    expect(cost.lines.map((line) => line.amount)).toEqual(['0.0005', '0.000055', '0.05', '0']);
    expect(cost.total).toBe('0.050555');
  });

  it('is not another tenant’s to see', async () => {
    await expect(costs.ofTask(randomUUID() as TenantId, task)).rejects.toMatchObject({ code: 'not_found' });
  });
});
