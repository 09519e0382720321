import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Data keys can be replaced: values name the version that sealed them, and a key that was replaced stays while one does. */
export class DataKeyVersions1766050300000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE data_keys ADD COLUMN version integer NOT NULL DEFAULT 1;

      CREATE TABLE retired_data_keys (
        tenant_id uuid NOT NULL REFERENCES tenants,
        version integer NOT NULL,
        master_key_id text NOT NULL,
        wrapped bytea NOT NULL,
        retired_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (tenant_id, version)
      );

      ALTER TABLE secret_versions ADD COLUMN key_version integer NOT NULL DEFAULT 1;
      ALTER TABLE api_keys ADD COLUMN secret_key_version integer NOT NULL DEFAULT 1;
    `);
  }

  async down(): Promise<void> {
    throw new Error('Migrations only go forward: restore a backup to go back.');
  }
}
