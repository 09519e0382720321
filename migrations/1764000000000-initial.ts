import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Everything the main job needs: accounts, definitions, tasks and their events, hosts, leases, usage, prices. */
export class Initial1764000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE tenants (
        id uuid PRIMARY KEY,
        name text NOT NULL UNIQUE,
        created_at timestamptz NOT NULL DEFAULT now()
      );

      CREATE TABLE api_keys (
        id uuid PRIMARY KEY,
        tenant_id uuid NOT NULL REFERENCES tenants,
        name text NOT NULL,
        role text NOT NULL CHECK (role IN ('owner', 'developer', 'viewer')),
        prefix text NOT NULL,
        -- SHA-256 of the whole key. A key has 256 random bits, so a slow hash would add nothing.
        hash bytea NOT NULL UNIQUE,
        created_at timestamptz NOT NULL DEFAULT now(),
        revoked_at timestamptz
      );
      CREATE INDEX api_keys_tenant ON api_keys (tenant_id);

      CREATE TABLE task_definitions (
        id uuid PRIMARY KEY,
        tenant_id uuid NOT NULL REFERENCES tenants,
        family text NOT NULL,
        revision integer NOT NULL,
        -- The definition with defaults filled in and imageDigest on each container. Never updated.
        spec jsonb NOT NULL,
        -- SHA-256 of the spec's canonical JSON: the same definition registered again inline is the same revision.
        spec_hash bytea NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        deregistered_at timestamptz,
        UNIQUE (tenant_id, family, revision)
      );

      CREATE TABLE hosts (
        id uuid PRIMARY KEY,
        name text NOT NULL,
        state text NOT NULL CHECK (state IN ('active', 'unreachable', 'lost')),
        boot_id text,
        cpu_millis integer NOT NULL DEFAULT 0,
        memory_mib integer NOT NULL DEFAULT 0,
        task_slots integer NOT NULL DEFAULT 0,
        attributes jsonb NOT NULL DEFAULT '{}',
        enrolled_at timestamptz NOT NULL DEFAULT now(),
        last_seen_at timestamptz
      );

      CREATE TABLE host_tokens (
        secret_hash bytea PRIMARY KEY,
        created_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz NOT NULL,
        used_at timestamptz,
        host_id uuid REFERENCES hosts
      );

      CREATE TABLE tasks (
        id uuid PRIMARY KEY,
        tenant_id uuid NOT NULL REFERENCES tenants,
        task_definition_id uuid NOT NULL REFERENCES task_definitions,
        name text,
        overrides jsonb,
        cpu_millis integer NOT NULL,
        memory_mib integer NOT NULL,
        tags jsonb NOT NULL DEFAULT '{}',
        state text NOT NULL DEFAULT 'pending'
          CHECK (state IN ('pending', 'placed', 'starting', 'running', 'stopping', 'stopped')),
        desired_state text NOT NULL DEFAULT 'running' CHECK (desired_state IN ('running', 'stopped')),
        -- Why the task is to stop, while it is not stopped yet.
        desired_stop_code text,
        desired_stop_reason text,
        host_id uuid REFERENCES hosts,
        placement text,
        placement_epoch bigint,
        pending_reason jsonb,
        -- The agent's newest report: its version, and the containers' status as reported.
        report_version bigint NOT NULL DEFAULT 0,
        containers jsonb,
        address text,
        start_timings jsonb,
        stop_code text,
        stop_reason text,
        created_at timestamptz NOT NULL DEFAULT now(),
        placed_at timestamptz,
        started_at timestamptz,
        stopped_at timestamptz,
        CHECK (state <> 'stopped' OR stop_code IS NOT NULL)
      );
      CREATE INDEX tasks_by_tenant ON tasks (tenant_id, created_at, id);
      CREATE INDEX tasks_pending ON tasks (created_at, id) WHERE state = 'pending';
      CREATE INDEX tasks_on_host ON tasks (host_id) WHERE state IN ('placed', 'starting', 'running', 'stopping');
      CREATE INDEX tasks_of_definition ON tasks (task_definition_id) WHERE state <> 'stopped';

      CREATE TABLE task_events (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        task_id uuid NOT NULL REFERENCES tasks ON DELETE CASCADE,
        tenant_id uuid NOT NULL,
        at timestamptz NOT NULL DEFAULT now(),
        type text NOT NULL,
        reason text NOT NULL
      );
      CREATE INDEX task_events_of_task ON task_events (task_id, id);

      CREATE TABLE idempotency_keys (
        tenant_id uuid NOT NULL REFERENCES tenants,
        key text NOT NULL,
        request_hash bytea NOT NULL,
        task_ids uuid[] NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (tenant_id, key)
      );

      CREATE TABLE leases (
        name text PRIMARY KEY,
        holder text NOT NULL,
        -- Grows each time the lease changes hands; a write that names an older epoch is refused.
        epoch bigint NOT NULL,
        expires_at timestamptz NOT NULL
      );

      CREATE TABLE usage_records (
        task_id uuid NOT NULL REFERENCES tasks,
        sequence integer NOT NULL,
        tenant_id uuid NOT NULL,
        host_id uuid NOT NULL,
        started_at timestamptz NOT NULL,
        ended_at timestamptz NOT NULL,
        cpu_millis integer NOT NULL,
        memory_mib integer NOT NULL,
        received_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (task_id, sequence),
        CHECK (ended_at >= started_at)
      );
      CREATE INDEX usage_by_tenant ON usage_records (tenant_id, started_at);

      CREATE TABLE price_books (
        name text NOT NULL,
        version integer NOT NULL,
        currency text NOT NULL,
        starts_at timestamptz NOT NULL,
        -- Decimal strings: {"cpu": price of a vCPU-hour, "memory": price of a GiB-hour}.
        prices jsonb NOT NULL,
        PRIMARY KEY (name, version)
      );
      INSERT INTO price_books VALUES ('default', 1, 'USD', '2000-01-01', '{"cpu": "0.030000", "memory": "0.003300"}');
    `);
  }

  async down(): Promise<void> {
    throw new Error('Migrations only go forward: restore a backup to go back.');
  }
}
