import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a task asks of its host beside CPU and memory (Needs in src/placement/fleet.ts); empty for most. */
export class TaskNeeds1764100000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query("ALTER TABLE tasks ADD COLUMN needs jsonb NOT NULL DEFAULT '{}'");
  }

  async down(): Promise<void> {
    throw new Error('Migrations only go forward: restore a backup to go back.');
  }
}
