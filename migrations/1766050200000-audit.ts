import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The audit trail: what is going on, and the chains of what is over. */
export class Audit1766050200000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- Written before a change is begun; taken into the chains when it is over, or when it never will be.
      CREATE TABLE audit_pending (
        id uuid PRIMARY KEY,
        at timestamptz NOT NULL,
        event jsonb NOT NULL,
        finished boolean NOT NULL DEFAULT false
      );
      CREATE INDEX audit_pending_by_time ON audit_pending (at, id);

      CREATE TABLE audit_events (
        -- The tenant; or zeros: the platform.
        chain uuid NOT NULL,
        sequence bigint NOT NULL CHECK (sequence > 0),
        at timestamptz NOT NULL,
        actor_kind text NOT NULL,
        actor_id text,
        actor_name text NOT NULL,
        action text NOT NULL,
        target text NOT NULL,
        detail jsonb NOT NULL,
        outcome text NOT NULL,
        status integer,
        count integer NOT NULL,
        ip text NOT NULL,
        request_id text NOT NULL,
        hash bytea NOT NULL,
        PRIMARY KEY (chain, sequence)
      );

      CREATE FUNCTION audit_events_stay() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        RAISE EXCEPTION 'events of the audit trail are never changed';
      END $$;
      CREATE TRIGGER audit_events_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events
        FOR EACH STATEMENT EXECUTE FUNCTION audit_events_stay();
    `);
  }

  async down(): Promise<void> {
    throw new Error('Migrations only go forward: restore a backup to go back.');
  }
}
