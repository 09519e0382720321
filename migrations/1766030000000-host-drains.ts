import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What operators want of hosts: attributes, zone and pool, no new tasks, or none at all; and how their tasks leave. */
export class HostDrains1766030000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE hosts
        -- Beside state, which says whether the host is there: what operators want of it.
        ADD COLUMN availability text NOT NULL DEFAULT 'open' CHECK (availability IN ('open', 'cordoned', 'draining')),
        ADD COLUMN pool text NOT NULL DEFAULT 'default',
        -- Null: what its agent says.
        ADD COLUMN zone text,
        -- Win over those that the agent reports.
        ADD COLUMN operator_attributes jsonb NOT NULL DEFAULT '{}',
        -- Its certificate is refused from then on. The row stays for the tasks that ran there.
        ADD COLUMN removed_at timestamptz;
      CREATE INDEX hosts_removed ON hosts (removed_at) WHERE removed_at IS NOT NULL;

      ALTER TABLE host_tokens
        ADD COLUMN pool text NOT NULL DEFAULT 'default',
        ADD COLUMN zone text,
        ADD COLUMN attributes jsonb NOT NULL DEFAULT '{}',
        -- SHA-256 of the public key it was spent on: the same key gets the same host again, if the answer was lost.
        ADD COLUMN key_hash bytea;

      CREATE TABLE host_events (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        host_id uuid NOT NULL REFERENCES hosts,
        at timestamptz NOT NULL DEFAULT now(),
        type text NOT NULL,
        reason text NOT NULL
      );
      CREATE INDEX host_events_of_host ON host_events (host_id, id);

      CREATE TABLE host_drains (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        host_id uuid NOT NULL REFERENCES hosts,
        cause text NOT NULL CHECK (cause IN ('operator', 'defragmentation', 'fleet')),
        reason text NOT NULL,
        tasks_at_start integer NOT NULL,
        started_at timestamptz NOT NULL DEFAULT now(),
        deadline_at timestamptz NOT NULL,
        -- When the first task was stopped against its budget, its protection or its wish to end by itself.
        forced_at timestamptz,
        ended_at timestamptz,
        outcome text CHECK (outcome IN ('drained', 'cancelled', 'lost')),
        CHECK ((ended_at IS NULL) = (outcome IS NULL))
      );
      CREATE UNIQUE INDEX host_drains_open ON host_drains (host_id) WHERE ended_at IS NULL;
      CREATE INDEX host_drains_of_host ON host_drains (host_id, started_at);

      -- Tasks that share a budget which is not their definition's.
      CREATE TABLE disruption_groups (
        id uuid PRIMARY KEY,
        tenant_id uuid NOT NULL REFERENCES tenants,
        budget jsonb NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now()
      );

      ALTER TABLE tasks
        ADD COLUMN on_host_drain text NOT NULL DEFAULT 'wait' CHECK (on_host_drain IN ('replace', 'restart', 'wait')),
        -- Null: the tasks of its definition.
        ADD COLUMN disruption_group uuid REFERENCES disruption_groups,
        -- The task whose place it takes, and the one that takes its place.
        ADD COLUMN replaces uuid,
        ADD COLUMN successor_id uuid;
      CREATE INDEX tasks_of_disruption_group ON tasks (disruption_group) WHERE disruption_group IS NOT NULL AND state <> 'stopped';

      CREATE TABLE evictions (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        task_id uuid NOT NULL REFERENCES tasks ON DELETE CASCADE,
        drain_id uuid NOT NULL REFERENCES host_drains,
        -- Whose budget it counts against: a disruption group, or a task definition.
        group_id uuid NOT NULL,
        replacement_id uuid,
        attempts integer NOT NULL DEFAULT 1,
        begun_at timestamptz NOT NULL DEFAULT now(),
        attempted_at timestamptz NOT NULL DEFAULT now(),
        forced boolean NOT NULL DEFAULT false,
        ended_at timestamptz
      );
      CREATE UNIQUE INDEX evictions_open ON evictions (task_id) WHERE ended_at IS NULL;
      CREATE INDEX evictions_of_group ON evictions (group_id, begun_at);
      CREATE INDEX evictions_of_drain ON evictions (drain_id);
    `);
  }

  async down(): Promise<void> {
    throw new Error('Migrations only go forward: restore a backup to go back.');
  }
}
