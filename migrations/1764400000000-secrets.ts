import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Tenants' secrets: encrypted values, each tenant's data key, and that key only as the master key has wrapped it. */
export class Secrets1764400000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE data_keys (
        tenant_id uuid PRIMARY KEY REFERENCES tenants,
        -- Says which master key it takes to open it, and nothing about that key.
        master_key_id text NOT NULL,
        wrapped bytea NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now()
      );

      CREATE TABLE secrets (
        id uuid PRIMARY KEY,
        tenant_id uuid NOT NULL REFERENCES tenants,
        name text NOT NULL,
        description text NOT NULL,
        sensitive boolean NOT NULL,
        newest_version integer NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        UNIQUE (tenant_id, name)
      );

      CREATE TABLE secret_versions (
        secret_id uuid NOT NULL REFERENCES secrets ON DELETE CASCADE,
        version integer NOT NULL,
        -- Nonce, ciphertext and tag of AES-256-GCM.
        sealed bytea NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (secret_id, version)
      );
    `);
  }

  async down(): Promise<void> {
    throw new Error('Migrations only go forward: restore a backup to go back.');
  }
}
