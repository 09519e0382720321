import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Whether hosts that are used little are emptied, and what was found when it was last looked for some. One row. */
export class Defragmentation1766031000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE defragmentation (
        singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
        -- As the API has them; what is missing has its default.
        settings jsonb NOT NULL DEFAULT '{}',
        looked_at timestamptz,
        steps jsonb NOT NULL DEFAULT '[]'
      );
      INSERT INTO defragmentation DEFAULT VALUES;
    `);
  }

  async down(): Promise<void> {
    throw new Error('Migrations only go forward: restore a backup to go back.');
  }
}
