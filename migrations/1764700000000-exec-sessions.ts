import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Exec sessions that were asked for and wait, for seconds, for their WebSocket, which may reach another replica. */
export class ExecSessions1764700000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE exec_sessions (
        id uuid PRIMARY KEY,
        tenant_id uuid NOT NULL REFERENCES tenants,
        task_id uuid NOT NULL REFERENCES tasks ON DELETE CASCADE,
        key_id text NOT NULL,
        -- What is to run. The row goes when the session begins, and soon after it has expired.
        request jsonb NOT NULL,
        -- SHA-256 of the one-use token.
        token_hash bytea NOT NULL,
        expires_at timestamptz NOT NULL
      );
      CREATE INDEX exec_sessions_of_tenant ON exec_sessions (tenant_id);
    `);
  }

  async down(): Promise<void> {
    throw new Error('Migrations only go forward: restore a backup to go back.');
  }
}
