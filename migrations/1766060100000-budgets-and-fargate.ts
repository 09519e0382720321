import type { MigrationInterface, QueryRunner } from 'typeorm';

/** When alerts are told again, until when budgets stop new work, and AWS' prices as an example of a book. */
export class BudgetsAndFargate1766060100000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE budgets RENAME exhausted_month TO exhausted_until;
      ALTER TABLE budget_deliveries ADD COLUMN next_attempt_at timestamptz NOT NULL DEFAULT now();
      CREATE INDEX budget_deliveries_due ON budget_deliveries (next_attempt_at) WHERE delivered_at IS NULL;
      DROP INDEX budget_deliveries_open;

      -- AWS Fargate, Linux on x86, us-east-1, as published: billed from the image pull on, for a minute at least, 20 GiB of
      -- disk free. Its rounding up to whole seconds is not copied.
      INSERT INTO price_books (name, version, currency, starts_at, terms) VALUES ('fargate-us-east-1', 1, 'USD', '2000-01-01', '{
        "rates": [
          {"dimension": "cpu", "price": "0.04048"},
          {"dimension": "memory", "price": "0.004445"},
          {"dimension": "disk", "price": "0.000111"}
        ],
        "minimumMs": 60000, "imagePull": true, "freeDiskMiB": 20480, "spotDiscountPercent": "70"
      }');
    `);
  }

  async down(): Promise<void> {
    throw new Error('Migrations only go forward: restore a backup to go back.');
  }
}
