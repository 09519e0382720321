// `npm run bench -- billing`: how fast usage is taken in, a tenant's cost is told, and a month is closed, on a PostgreSQL of
// its own on this machine. docs/performance.md tells what is measured and how to read it.
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import type { TenantId } from '@berth/contract';
import { DataSource } from 'typeorm';
import { SubmittersStore } from '../../src/accounts/submitters.store.js';
import { ContractsStore } from '../../src/billing/contracts.store.js';
import { monthOf } from '../../src/billing/invoices/billing-month.js';
import { LiveCostsService } from '../../src/billing/live-costs.service.js';
import { LiveUsageStore } from '../../src/billing/live-usage.store.js';
import { PriceBooksStore } from '../../src/billing/price-books.store.js';
import { insertUsage } from '../../src/billing/usage-intake.store.js';
import { UsageSumsStore } from '../../src/billing/usage-sums.store.js';
import { migrate } from '../../src/db/data-source.js';
import { startPostgres } from '../../src/standalone/postgres.js';
import { batchesOf, fillRecords, makeTenants } from './billing-data.js';
import { freePorts } from './free-ports.js';
import { printResult, printTable } from './report.js';
import { percentile, round } from './statistics.js';

const execute = promisify(execFile);
const liveTasks = 10_000;
const intakeRounds = 5;
const batchSize = 500;
const writers = 2;
const liveCalls = 25;

interface Result {
  readonly closeSeconds: number;
  readonly peakRssMiB: number;
  readonly recordsPerSecond: number;
  readonly liveCostMs: number;
}

/** @throws Error when the words are wrong. */
export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      records: { type: 'string', default: '1000000' },
      tenants: { type: 'string', default: '200' },
      json: { type: 'boolean', default: false },
    },
  });
  const [records, tenants] = [whole('--records', values.records), whole('--tenants', values.tenants)];
  const directory = await mkdtemp(join(tmpdir(), 'berth-bench-'));
  const port = await freePorts(1);
  const server = await startPostgres({ directory, port });
  try {
    await migrate(server.url);
    const source = await new DataSource({ type: 'postgres', url: server.url, poolSize: 8 }).initialize();
    try {
      report(await measure(source, server.url, records, tenants), records, tenants, values.json);
    } finally {
      await source.destroy();
    }
  } finally {
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

async function measure(source: DataSource, url: string, records: number, tenants: number): Promise<Result> {
  const month = monthOf(Date.now(), 'UTC');
  const [live = ''] = await makeTenants(source, 1, liveTasks, new Date(month.startsAtMs));
  say(`taking in ${liveTasks * intakeRounds} records`);
  const recordsPerSecond = await intake(source, live, new Date(month.startsAtMs));
  say(`asking for the cost of ${liveTasks} running tasks`);
  const liveCostMs = await liveCost(source, live as TenantId);
  say(`making ${records} records of last month`);
  const last = monthOf(month.startsAtMs - 1, 'UTC');
  const since = new Date(last.startsAtMs);
  const tasksEach = 20;
  // Checked when usage is taken in, which was measured above; closing does not read it.
  await source.query('ALTER TABLE usage_records DROP CONSTRAINT usage_without_overlap');
  const ids = await makeTenants(source, tenants, tasksEach, since);
  const span = last.endsAtMs - last.startsAtMs;
  const made = await fillRecords(source, ids, Math.round(records / tenants / tasksEach), since, span);
  say(`closing the month of ${made} records`);
  const { closed, closeSeconds, peakRssMiB } = await close(url, new Date(month.startsAtMs + 1));
  if (closed !== tenants) throw new Error(`${closed} months were closed, not ${tenants}.`);
  return { closeSeconds: round(closeSeconds), peakRssMiB: Math.round(peakRssMiB), recordsPerSecond, liveCostMs };
}

async function intake(source: DataSource, tenant: string, since: Date): Promise<number> {
  const batches = await batchesOf(source, tenant, intakeRounds, batchSize, since);
  const began = performance.now();
  let taken = 0;
  const writer = async () => {
    for (let batch = batches.shift(); batch; batch = batches.shift()) {
      const records = batch;
      const kept = await source.transaction((manager) => insertUsage(manager, records));
      taken += kept;
    }
  };
  await Promise.all(Array.from({ length: writers }, writer));
  if (taken !== liveTasks * intakeRounds) throw new Error(`${taken} records were kept, not ${liveTasks * intakeRounds}.`);
  return Math.round(taken / ((performance.now() - began) / 1000));
}

async function liveCost(source: DataSource, tenant: TenantId): Promise<number> {
  await source.query('ANALYZE');
  const sums = new UsageSumsStore(source);
  const costs = new LiveCostsService(
    new ContractsStore(source, new PriceBooksStore(source)),
    new LiveUsageStore(source),
    sums,
    new SubmittersStore(source),
  );
  const samples: number[] = [];
  for (let call = 0; call < liveCalls; call++) {
    const began = performance.now();
    const { runningTasks } = await costs.costs(tenant, {});
    samples.push(performance.now() - began);
    if (runningTasks !== liveTasks) throw new Error(`${runningTasks} tasks run, not ${liveTasks}.`);
  }
  return round(percentile(samples, 0.5));
}

async function close(url: string, now: Date): Promise<{ closed: number; closeSeconds: number; peakRssMiB: number }> {
  const program = join(import.meta.dirname, 'billing-close.ts');
  const { stdout } = await execute(process.execPath, ['--import', 'tsx', program, url, now.toISOString()]);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
}

function report(result: Result, records: number, tenants: number, json: boolean): void {
  printTable(
    ['', 'measured', 'wanted'],
    [
      [`close a month, ${records} records, ${tenants} tenants`, `${result.closeSeconds} s`, '≤ 60 s'],
      ['most memory held while closing', `${result.peakRssMiB} MiB`, ''],
      ['usage taken in', `${result.recordsPerSecond} records/s`, '≥ 5000 records/s'],
      [`live cost, ${liveTasks} running tasks, p50`, `${result.liveCostMs} ms`, '≤ 50 ms'],
    ],
  );
  printResult(result, json);
}

/** What is being done; results go to standard output. */
function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

function whole(option: string, text: string): number {
  if (!/^[1-9]\d{0,7}$/.test(text)) throw new Error(`${option} takes a whole number above 0, not ${text}.`);
  return Number(text);
}
