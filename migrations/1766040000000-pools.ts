import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Pools of machines at EC2, the machines, and what EC2 had none of. */
export class Pools1766040000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE pools (
        id uuid PRIMARY KEY,
        name text NOT NULL UNIQUE,
        -- As the API has them, without the name.
        settings jsonb NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now()
      );

      -- Written before EC2 is asked: the id is the token by which EC2 knows a request that is made again.
      CREATE TABLE pool_machines (
        id uuid PRIMARY KEY,
        pool_id uuid NOT NULL REFERENCES pools,
        state text NOT NULL CHECK (state IN ('requested', 'launched', 'joined', 'draining', 'ending', 'ended')),
        instance_type text NOT NULL,
        zone text NOT NULL,
        market text NOT NULL CHECK (market IN ('on-demand', 'spot')),
        instance_id text UNIQUE,
        -- The token in its user data, which says which host it became.
        token_hash bytea NOT NULL UNIQUE,
        host_id uuid UNIQUE,
        reason text NOT NULL,
        end_reason text,
        -- Whether the drain may be called off: not when the machine goes away anyway.
        drain_final boolean NOT NULL DEFAULT false,
        requested_at timestamptz NOT NULL DEFAULT now(),
        launched_at timestamptz,
        joined_at timestamptz,
        unneeded_since timestamptz,
        draining_since timestamptz,
        ending_since timestamptz,
        ended_at timestamptz
      );
      CREATE INDEX pool_machines_by_pool ON pool_machines (pool_id, requested_at, id);
      CREATE INDEX pool_machines_present ON pool_machines (pool_id) WHERE state <> 'ended';

      CREATE TABLE pool_shortages (
        instance_type text NOT NULL,
        zone text NOT NULL,
        market text NOT NULL,
        until timestamptz NOT NULL,
        PRIMARY KEY (instance_type, zone, market)
      );
    `);
  }

  async down(): Promise<void> {
    throw new Error('Migrations only go forward: restore a backup to go back.');
  }
}
