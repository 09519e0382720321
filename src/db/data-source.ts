// The connection to PostgreSQL. Migrations only; `synchronize` never.
import { DataSource, type DataSourceOptions } from 'typeorm';
import { Initial1764000000000 } from '../../migrations/1764000000000-initial.js';
import { TaskNeeds1764100000000 } from '../../migrations/1764100000000-task-needs.js';
import { HostDisks1764200000000 } from '../../migrations/1764200000000-host-disks.js';
import { TaskLife1764300000000 } from '../../migrations/1764300000000-task-life.js';
import { Secrets1764400000000 } from '../../migrations/1764400000000-secrets.js';
import { TaskAdjustments1764450000000 } from '../../migrations/1764450000000-task-adjustments.js';
import { StoredLogs1764460000000 } from '../../migrations/1764460000000-stored-logs.js';
import { Networks1764500000000 } from '../../migrations/1764500000000-networks.js';
import { ExecSessions1764700000000 } from '../../migrations/1764700000000-exec-sessions.js';
import { TaskNames1764750000000 } from '../../migrations/1764750000000-task-names.js';
import { Volumes1766000000000 } from '../../migrations/1766000000000-volumes.js';
import { Placement1766020000000 } from '../../migrations/1766020000000-placement.js';
import { HostDrains1766030000000 } from '../../migrations/1766030000000-host-drains.js';
import { Defragmentation1766031000000 } from '../../migrations/1766031000000-defragmentation.js';
import { Pools1766040000000 } from '../../migrations/1766040000000-pools.js';
import { Accounts1766050000000 } from '../../migrations/1766050000000-accounts.js';
import { Quotas1766050100000 } from '../../migrations/1766050100000-quotas.js';
import { Audit1766050200000 } from '../../migrations/1766050200000-audit.js';
import { DataKeyVersions1766050300000 } from '../../migrations/1766050300000-data-key-versions.js';
import { Metering1766060000000 } from '../../migrations/1766060000000-metering.js';
import { BudgetsAndFargate1766060100000 } from '../../migrations/1766060100000-budgets-and-fargate.js';
import { Invoices1766070000000 } from '../../migrations/1766070000000-invoices.js';
import { StripeExports1766071000000 } from '../../migrations/1766071000000-stripe-exports.js';
import { Preemption1766080000000 } from '../../migrations/1766080000000-preemption.js';

export const migrations = [
  Initial1764000000000,
  TaskNeeds1764100000000,
  HostDisks1764200000000,
  TaskLife1764300000000,
  TaskAdjustments1764450000000,
  StoredLogs1764460000000,
  TaskNames1764750000000,
  Secrets1764400000000,
  Networks1764500000000,
  ExecSessions1764700000000,
  Volumes1766000000000,
  Metering1766060000000,
  BudgetsAndFargate1766060100000,
  Invoices1766070000000,
  StripeExports1766071000000,
  Placement1766020000000,
  HostDrains1766030000000,
  Accounts1766050000000,
  Quotas1766050100000,
  Audit1766050200000,
  DataKeyVersions1766050300000,
  Defragmentation1766031000000,
  Pools1766040000000,
  Preemption1766080000000,
];

export function dataSourceOptions(databaseUrl: string, poolSize: number) {
  return {
    type: 'postgres',
    url: databaseUrl,
    migrations,
    migrationsTransactionMode: 'all',
    synchronize: false,
    poolSize,
    applicationName: 'berth',
    // A statement that hangs must not hold a pool slot for ever; nothing here takes longer than this.
    extra: { statement_timeout: 30_000, connectionTimeoutMillis: 5_000 },
  } satisfies DataSourceOptions;
}

/** Brings the schema up to date. Safe to run from several replicas at once: an advisory lock lets one go first. */
export async function migrate(databaseUrl: string): Promise<void> {
  const source = await new DataSource(dataSourceOptions(databaseUrl, 2)).initialize();
  const runner = source.createQueryRunner();
  try {
    await runner.query('SELECT pg_advisory_lock($1)', [7_070_707]);
    await source.runMigrations();
  } finally {
    await runner.query('SELECT pg_advisory_unlock($1)', [7_070_707]);
    await runner.release();
    await source.destroy();
  }
}
