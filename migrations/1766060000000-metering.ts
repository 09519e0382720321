import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What usage is metered and grouped by, its sums by the hour, and what is agreed with tenants about prices. */
export class Metering1766060000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(usage);
    await runner.query(agreements);
    await runner.query(budgets);
  }

  async down(): Promise<void> {
    throw new Error('Migrations only go forward: restore a backup to go back.');
  }
}

const usage = `
  CREATE EXTENSION IF NOT EXISTS btree_gist;

  ALTER TABLE tasks
    -- Id of the key or user that asked for it. Null: from before this was kept.
    ADD COLUMN submitted_by text,
    -- Name of the service or job that it belongs to.
    ADD COLUMN group_name text;
  CREATE INDEX IF NOT EXISTS tasks_live_by_tenant ON tasks (tenant_id) INCLUDE (cpu_millis, memory_mib) WHERE state <> 'stopped';
  -- The platform's faults are few: their time is taken off again.
  CREATE INDEX tasks_by_stop ON tasks (tenant_id, stop_code, stopped_at) WHERE stop_code IS NOT NULL;

  -- What usage has in common. The id is a hash of the rest (usage-groups.ts), so that it needs no look-up. Never changed.
  CREATE TABLE usage_groups (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    definition text,
    group_name text,
    tags jsonb NOT NULL,
    user_or_key text,
    isolation text NOT NULL,
    capacity_tier text NOT NULL,
    -- Of each task: what it holds all the time, whatever its size.
    disk_mib integer NOT NULL,
    gpus integer NOT NULL,
    addresses integer NOT NULL,
    pull boolean NOT NULL
  );

  ALTER TABLE usage_records
    ADD COLUMN group_id uuid,
    ADD COLUMN egress_bytes bigint NOT NULL DEFAULT 0 CHECK (egress_bytes >= 0),
    -- Images were being pulled: billed only where the price book says so.
    ADD COLUMN pull boolean NOT NULL DEFAULT false,
    -- A task's time is billed once, whatever its host sends.
    ADD CONSTRAINT usage_without_overlap EXCLUDE USING gist (task_id WITH =, tstzrange(started_at, ended_at) WITH &&);
  CREATE INDEX usage_by_end ON usage_records (tenant_id, ended_at);
  DROP INDEX usage_by_tenant;

  -- Sums of the records, kept by the same statement that keeps those. Hours of the tenant's time zone.
  CREATE TABLE usage_hours (
    tenant_id uuid NOT NULL,
    hour timestamptz NOT NULL,
    group_id uuid NOT NULL,
    task_ms bigint NOT NULL,
    cpu bigint NOT NULL,
    memory bigint NOT NULL,
    egress bigint NOT NULL,
    PRIMARY KEY (tenant_id, hour, group_id)
  );

  -- Of each task: up to where its records go, and how long it has run by them.
  CREATE TABLE usage_tasks (
    task_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    group_id uuid NOT NULL,
    recorded_until timestamptz NOT NULL,
    ran_ms bigint NOT NULL,
    cpu_millis integer NOT NULL,
    memory_mib integer NOT NULL
  );
  CREATE INDEX usage_tasks_by_end ON usage_tasks (tenant_id, recorded_until);
`;

const agreements = `
  -- The whole book (src/billing/price-book.ts). Replicas of the version before read "prices".
  ALTER TABLE price_books ADD COLUMN terms jsonb NOT NULL DEFAULT '{}', ALTER COLUMN prices SET DEFAULT '{}';
  UPDATE price_books SET terms = jsonb_build_object('rates', jsonb_build_array(
    jsonb_build_object('dimension', 'cpu', 'price', prices->>'cpu'),
    jsonb_build_object('dimension', 'memory', 'price', prices->>'memory')));

  -- Which book a tenant has from when on, and what differs from it. Without a row: the book named "default".
  CREATE TABLE tenant_prices (
    tenant_id uuid NOT NULL REFERENCES tenants,
    starts_at timestamptz NOT NULL,
    book_name text NOT NULL,
    overrides jsonb NOT NULL DEFAULT '{}',
    discount_percent text NOT NULL DEFAULT '0',
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, starts_at)
  );

  -- Commitments, reservations and credits: terms as in src/billing/tenant-contract.ts. Never changed; may be ended earlier.
  CREATE TABLE contract_terms (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    kind text NOT NULL CHECK (kind IN ('commitment', 'reservation', 'credit')),
    name text NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz CHECK (ends_at > starts_at),
    terms jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (kind = 'credit' OR ends_at IS NOT NULL)
  );
  CREATE INDEX contract_terms_of_tenant ON contract_terms (tenant_id);

  -- What closed months took of a credit: once for each month, whoever closes it and however often.
  CREATE TABLE credit_uses (
    credit_id uuid NOT NULL REFERENCES contract_terms,
    month_starts_at timestamptz NOT NULL,
    amount numeric NOT NULL CHECK (amount > 0),
    PRIMARY KEY (credit_id, month_starts_at)
  );
`;

const budgets = `
  CREATE TABLE budgets (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    name text NOT NULL,
    -- A month. Decimal, in the tenant's currency.
    amount numeric NOT NULL CHECK (amount > 0),
    -- What it counts: {definition}, {group}, {user}, {tag, value}; empty: everything.
    scope jsonb NOT NULL DEFAULT '{}',
    -- In per cent, rising.
    thresholds integer[] NOT NULL,
    stops_new_work boolean NOT NULL DEFAULT false,
    emails text[] NOT NULL DEFAULT '{}',
    webhook_url text,
    -- Sealed by the tenant's data key.
    webhook_secret bytea,
    -- Start of the month in which it was used up: no new work of its scope until the next.
    exhausted_month timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, name)
  );

  -- A threshold is reached once a month.
  CREATE TABLE budget_alerts (
    id uuid PRIMARY KEY,
    budget_id uuid NOT NULL REFERENCES budgets ON DELETE CASCADE,
    tenant_id uuid NOT NULL,
    month_starts_at timestamptz NOT NULL,
    threshold integer NOT NULL,
    spent numeric NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (budget_id, month_starts_at, threshold)
  );
  CREATE INDEX budget_alerts_of_tenant ON budget_alerts (tenant_id, at);

  -- To whom an alert is still to be told. The row is the truth; a job in a queue only hastens it.
  CREATE TABLE budget_deliveries (
    alert_id uuid NOT NULL REFERENCES budget_alerts ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('webhook', 'email')),
    target text NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    delivered_at timestamptz,
    failure text,
    PRIMARY KEY (alert_id, kind, target)
  );
  CREATE INDEX budget_deliveries_open ON budget_deliveries (alert_id) WHERE delivered_at IS NULL;
`;
