import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What can be changed about a running task: its size, and whether it is frozen (contract/src/adjust.ts). */
export class TaskAdjustments1764450000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- cpu_millis and memory_mib are what the task holds on its host for placement: never less than what it has and than
      -- what it is to have.
      ALTER TABLE tasks
        ADD COLUMN wish_version integer NOT NULL DEFAULT 0,
        -- What was last wished: {cpuMillis, memoryMiB, frozen}. Null: nothing ever was.
        ADD COLUMN wish jsonb,
        -- The agent's newest answer: {version, cpuMillis, memoryMiB, frozen, refusal}.
        ADD COLUMN adjusted jsonb;
      ALTER TABLE usage_records ADD COLUMN frozen boolean NOT NULL DEFAULT false;
      -- Grows whenever a task on the host is given more room: a plan that was made before must not be committed.
      ALTER TABLE hosts ADD COLUMN room_version integer NOT NULL DEFAULT 0;
    `);
  }

  async down(): Promise<void> {
    throw new Error('Migrations only go forward: restore a backup to go back.');
  }
}
