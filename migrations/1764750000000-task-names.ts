import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Finds running tasks by their name, for the name servers of the hosts. Tasks without a name cost nothing. */
export class TaskNames1764750000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query("CREATE INDEX tasks_by_name ON tasks (tenant_id, name) WHERE state = 'running' AND name IS NOT NULL");
  }

  async down(): Promise<void> {
    throw new Error('Migrations only go forward: restore a backup to go back.');
  }
}
