import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Named persistent volumes. A row stays after the volume was deleted: what it cost follows from its size, `created_at`
 * and `deleted_at`. Which volumes a task uses is in tasks.needs.
 */
export class Volumes1766000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE volumes (
        id uuid PRIMARY KEY,
        tenant_id uuid NOT NULL REFERENCES tenants,
        name text NOT NULL,
        size_mib integer NOT NULL,
        -- Where it lives. Null until the first task that uses it was placed; never changed after.
        host_id uuid REFERENCES hosts,
        created_at timestamptz NOT NULL DEFAULT now(),
        deleted_at timestamptz,
        -- Nothing of it is left on its host. It holds room there until then.
        removed_at timestamptz,
        CHECK (removed_at IS NULL OR deleted_at IS NOT NULL)
      );
      CREATE UNIQUE INDEX volumes_by_name ON volumes (tenant_id, name) WHERE deleted_at IS NULL;
      CREATE INDEX volumes_on_host ON volumes (host_id) WHERE removed_at IS NULL;
      CREATE INDEX tasks_with_volumes ON tasks (tenant_id) WHERE state <> 'stopped' AND needs ? 'volumes';
    `);
  }

  async down(): Promise<void> {
    throw new Error('Migrations only go forward: restore a backup to go back.');
  }
}
