import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Logs of ended tasks that are whole in the log store. */
export class StoredLogs1764460000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE stored_logs (
        task_id uuid PRIMARY KEY REFERENCES tasks ON DELETE CASCADE,
        tenant_id uuid NOT NULL,
        -- [{container, start, bytes}]: what the log consists of, in the order in which it was written.
        chunks jsonb NOT NULL,
        stored_at timestamptz NOT NULL DEFAULT now(),
        -- Its time is over and the store holds nothing of it any more.
        removed_at timestamptz
      );
      CREATE INDEX stored_logs_kept ON stored_logs (stored_at) WHERE removed_at IS NULL;
    `);
  }

  async down(): Promise<void> {
    throw new Error('Migrations only go forward: restore a backup to go back.');
  }
}
