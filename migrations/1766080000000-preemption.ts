import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Evictions for another task's sake count against disruption budgets, too; how tenants share what there is; spot notices. */
export class Preemption1766080000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- Null: it left for another task's sake, and nobody takes its place.
      ALTER TABLE evictions ALTER COLUMN drain_id DROP NOT NULL;
      -- A tenant of weight 2 may hold twice as much as one of weight 1 before it has to wait for it.
      ALTER TABLE tenants ADD COLUMN placement_weight integer NOT NULL DEFAULT 1 CHECK (placement_weight BETWEEN 1 AND 1000);
      -- When the machine's owner takes it back. Null: not announced.
      ALTER TABLE hosts ADD COLUMN interruption_at timestamptz;
      CREATE INDEX hosts_interrupted ON hosts (interruption_at) WHERE interruption_at IS NOT NULL;
    `);
  }

  async down(): Promise<void> {
    throw new Error('Migrations only go forward: restore a backup to go back.');
  }
}
