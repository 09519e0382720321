import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What the agent says of a task's health, and until when the task is not to be taken when a service shrinks. */
export class TaskLife1764300000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE tasks
        ADD COLUMN health text NOT NULL DEFAULT 'unknown' CHECK (health IN ('unknown', 'healthy', 'unhealthy')),
        -- Both the task itself and the API may set it: the later one counts.
        ADD COLUMN protected_until timestamptz,
        ADD COLUMN protection_set_at timestamptz;
    `);
  }

  async down(): Promise<void> {
    throw new Error('Migrations only go forward: restore a backup to go back.');
  }
}
