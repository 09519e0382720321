import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What is to be handed to Stripe: written in the transaction that closes the invoice, so that none is forgotten. */
export class StripeExports1766071000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE stripe_exports (
        invoice_id uuid PRIMARY KEY REFERENCES invoices,
        customer text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        done_at timestamptz
      );
      CREATE INDEX stripe_exports_open ON stripe_exports (created_at) WHERE done_at IS NULL;
    `);
  }

  async down(): Promise<void> {
    throw new Error('Migrations only go forward: restore a backup to go back.');
  }
}
