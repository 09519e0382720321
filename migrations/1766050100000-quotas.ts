import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How much each tenant may have, and the buckets of what it may do in some time. */
export class Quotas1766050100000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE quotas (
        -- Null: the platform's default, for tenants that have none of their own.
        tenant_id uuid REFERENCES tenants,
        name text NOT NULL,
        -- Null: no limit.
        allowed bigint CHECK (allowed >= 0),
        UNIQUE NULLS NOT DISTINCT (tenant_id, name)
      );

      CREATE TABLE launch_buckets (
        tenant_id uuid PRIMARY KEY REFERENCES tenants,
        tokens double precision NOT NULL,
        refilled_at timestamptz NOT NULL
      );

      -- What a tenant has now is summed from these alone, however many tasks it has had.
      CREATE INDEX tasks_live_by_tenant ON tasks (tenant_id) INCLUDE (cpu_millis, memory_mib) WHERE state <> 'stopped';
    `);
  }

  async down(): Promise<void> {
    throw new Error('Migrations only go forward: restore a backup to go back.');
  }
}
