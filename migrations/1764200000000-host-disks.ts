import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a host's disk can give to tasks, and why it can't at the moment. What a task needs is in tasks.needs. */
export class HostDisks1764200000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- Null: the agent doesn't count it.
      ALTER TABLE hosts ADD COLUMN disk_mib integer;
      ALTER TABLE hosts ADD COLUMN disk_pressure text;
    `);
  }

  async down(): Promise<void> {
    throw new Error('Migrations only go forward: restore a backup to go back.');
  }
}
