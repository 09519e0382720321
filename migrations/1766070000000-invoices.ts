import type { MigrationInterface, QueryRunner } from 'typeorm';

/** As in src/billing/invoices/invoices.store.ts. */
const factsLock = 7_070_711;

/**
 * Invoices, the ledger behind them, and who buys and sells. What accountants rely on is refused by the database itself:
 * closed invoices do not change, the ledger only grows, and each of its transactions sums to zero.
 */
export class Invoices1766070000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(receivedOrder);
    await runner.query(tables);
    await runner.query(closedInvoices);
    await runner.query(ledger);
  }

  async down(): Promise<void> {
    throw new Error('Migrations only go forward: restore a backup to go back.');
  }
}

/**
 * The order in which facts that change a bill became known: usage, and how tasks ended. An invoice remembers up to where
 * it counted, so it can be computed again, and what came later is found: by number, never by a clock. Whoever adds a fact
 * holds a shared lock until it commits; whoever reads the newest number takes the lock alone for a moment, and so knows
 * that no smaller one can still appear.
 */
const receivedOrder = `
  CREATE SEQUENCE billing_received AS bigint;
  CREATE FUNCTION enter_billing_facts() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM pg_advisory_xact_lock_shared(${factsLock});
    RETURN NULL;
  END $$;

  ALTER TABLE usage_records ADD COLUMN received bigint NOT NULL DEFAULT nextval('billing_received');
  CREATE INDEX usage_records_received ON usage_records (tenant_id, received);
  CREATE TRIGGER billing_facts BEFORE INSERT ON usage_records FOR EACH STATEMENT EXECUTE FUNCTION enter_billing_facts();

  -- Whether a task's time is billed depends on why it stopped, which may become known after the month was closed.
  ALTER TABLE tasks ADD COLUMN stop_received bigint;
  UPDATE tasks SET stop_received = nextval('billing_received') WHERE stop_code IS NOT NULL;
  CREATE INDEX tasks_stop_received ON tasks (tenant_id, stop_received) WHERE stop_received IS NOT NULL;
  CREATE FUNCTION number_task_stop() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM pg_advisory_xact_lock_shared(${factsLock});
    NEW.stop_received := nextval('billing_received');
    RETURN NEW;
  END $$;
  CREATE TRIGGER billing_facts_insert BEFORE INSERT ON tasks FOR EACH ROW WHEN (NEW.stop_code IS NOT NULL)
    EXECUTE FUNCTION number_task_stop();
  CREATE TRIGGER billing_facts_update BEFORE UPDATE OF stop_code ON tasks FOR EACH ROW
    WHEN (NEW.stop_code IS DISTINCT FROM OLD.stop_code) EXECUTE FUNCTION number_task_stop();
`;

const tables = `
  -- Who pays, and how; a tenant without a row has the defaults of these columns.
  CREATE TABLE billing_details (
    tenant_id uuid PRIMARY KEY REFERENCES tenants,
    legal_name text NOT NULL DEFAULT '',
    address text[] NOT NULL DEFAULT '{}',
    email text NOT NULL DEFAULT '',
    tax_id text NOT NULL DEFAULT '',
    tax_name text NOT NULL DEFAULT 'VAT',
    -- In percent.
    tax_rate numeric NOT NULL DEFAULT 0 CHECK (tax_rate >= 0 AND tax_rate <= 100),
    -- Of the whole invoice; null: that of the price book.
    currency text,
    time_zone text NOT NULL DEFAULT 'UTC',
    payment_days integer NOT NULL DEFAULT 30 CHECK (payment_days >= 0),
    reference text NOT NULL DEFAULT '',
    stripe_customer text,
    updated_at timestamptz NOT NULL DEFAULT now()
  );

  CREATE TABLE billing_seller (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    name text NOT NULL,
    address text[] NOT NULL,
    email text NOT NULL,
    tax_id text NOT NULL,
    bank text[] NOT NULL,
    footer text NOT NULL
  );

  CREATE TABLE invoices (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    kind text NOT NULL CHECK (kind IN ('invoice', 'creditNote')),
    state text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'closed')),
    -- Without gaps in each series. Null: a draft, or a month in which there was nothing to bill.
    number text UNIQUE,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL CHECK (ends_at > starts_at),
    time_zone text NOT NULL,
    -- What was counted: facts received up to here, under these terms. Null in credit notes.
    counted bigint,
    terms jsonb,
    -- SHA-256 of the lines' canonical form.
    lines_hash bytea,
    line_count integer NOT NULL DEFAULT 0,
    currency text,
    buyer jsonb,
    seller jsonb,
    price_books text[] NOT NULL DEFAULT '{}',
    tax_name text,
    tax_rate numeric,
    -- The lines' exact sum, and what it is in the currency's smallest unit.
    exact numeric,
    subtotal numeric,
    tax numeric,
    total numeric,
    -- Of credit notes: which invoice, why, and the caller's name for it.
    corrects uuid REFERENCES invoices,
    reason text,
    reference text,
    created_at timestamptz NOT NULL DEFAULT now(),
    closed_at timestamptz,
    due_at timestamptz,
    CHECK ((kind = 'creditNote') = (corrects IS NOT NULL)),
    CHECK (state = 'draft' OR (total = subtotal + tax AND closed_at IS NOT NULL AND currency IS NOT NULL AND buyer IS NOT NULL)),
    UNIQUE (corrects, reference)
  );
  -- One invoice for a tenant's month, whoever closes it and however often; and one open month.
  CREATE UNIQUE INDEX invoices_of_month ON invoices (tenant_id, starts_at) WHERE kind = 'invoice';
  CREATE UNIQUE INDEX invoices_open ON invoices (tenant_id) WHERE kind = 'invoice' AND state = 'draft';
  CREATE INDEX invoices_by_tenant ON invoices (tenant_id, created_at, id);
  CREATE INDEX invoices_in_order ON invoices (created_at, id);

  CREATE TABLE invoice_lines (
    invoice_id uuid NOT NULL REFERENCES invoices,
    position integer NOT NULL,
    kind text NOT NULL,
    dimension text,
    unit text NOT NULL,
    quantity numeric NOT NULL,
    list_price numeric NOT NULL,
    price numeric NOT NULL,
    list_amount numeric NOT NULL,
    amount numeric NOT NULL,
    isolation text,
    capacity_tier text,
    price_book text NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    definition text,
    group_name text,
    tags text NOT NULL,
    user_or_key text,
    note text NOT NULL,
    -- The invoice of the month that this line corrects, where late usage changed it.
    corrects uuid REFERENCES invoices,
    PRIMARY KEY (invoice_id, position)
  );

  -- The last number that each series has given away.
  CREATE TABLE invoice_series (series text PRIMARY KEY, last bigint NOT NULL);

  -- What was handed to Stripe, each item once.
  CREATE TABLE stripe_items (
    invoice_id uuid NOT NULL REFERENCES invoices,
    item integer NOT NULL,
    stripe_id text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (invoice_id, item)
  );
`;

const closedInvoices = `
  CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    RAISE EXCEPTION '% is never changed: correct it by a credit note', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
  END $$;

  CREATE TRIGGER closed_invoice BEFORE UPDATE OR DELETE ON invoices FOR EACH ROW WHEN (OLD.state = 'closed')
    EXECUTE FUNCTION refuse_change();
  CREATE TRIGGER no_truncate BEFORE TRUNCATE ON invoices EXECUTE FUNCTION refuse_change();

  CREATE FUNCTION refuse_lines_of_closed() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF EXISTS (SELECT FROM added a JOIN invoices i ON i.id = a.invoice_id WHERE i.state = 'closed') THEN
      RAISE EXCEPTION 'a closed invoice gets no more lines: correct it by a credit note' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
  END $$;
  CREATE TRIGGER closed_invoice_lines AFTER INSERT ON invoice_lines REFERENCING NEW TABLE AS added FOR EACH STATEMENT
    EXECUTE FUNCTION refuse_lines_of_closed();
  CREATE TRIGGER no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON invoice_lines EXECUTE FUNCTION refuse_change();
`;

const ledger = `
  CREATE TABLE ledger_transactions (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    invoice_id uuid NOT NULL UNIQUE REFERENCES invoices,
    description text NOT NULL,
    at timestamptz NOT NULL,
    -- The database's transaction that made it: only that one may add entries.
    made_by xid8 NOT NULL DEFAULT pg_current_xact_id()
  );
  CREATE INDEX ledger_by_tenant ON ledger_transactions (tenant_id, at);

  CREATE TABLE ledger_entries (
    transaction_id uuid NOT NULL REFERENCES ledger_transactions,
    position integer NOT NULL,
    account text NOT NULL CHECK (account IN ('receivable', 'revenue', 'tax', 'rounding')),
    currency text NOT NULL,
    -- Debits are positive, credits negative.
    amount numeric NOT NULL,
    PRIMARY KEY (transaction_id, position)
  );

  -- Runs when the transaction commits, so that entries may come one by one.
  CREATE FUNCTION check_ledger_balance() RETURNS trigger LANGUAGE plpgsql AS $$
  DECLARE
    checked uuid := CASE TG_TABLE_NAME WHEN 'ledger_entries' THEN (to_jsonb(NEW)->>'transaction_id')::uuid ELSE (to_jsonb(NEW)->>'id')::uuid END;
  BEGIN
    IF (SELECT count(*) FROM ledger_entries WHERE transaction_id = checked) < 2 THEN
      RAISE EXCEPTION 'ledger transaction % has fewer than two entries', checked USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (SELECT FROM ledger_entries WHERE transaction_id = checked GROUP BY currency HAVING sum(amount) <> 0) THEN
      RAISE EXCEPTION 'ledger transaction % does not sum to zero', checked USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (SELECT FROM ledger_transactions WHERE id = checked AND made_by <> pg_current_xact_id()) THEN
      RAISE EXCEPTION 'ledger transaction % is complete: make another one', checked USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
  END $$;
  CREATE CONSTRAINT TRIGGER balanced AFTER INSERT ON ledger_entries DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION check_ledger_balance();
  CREATE CONSTRAINT TRIGGER balanced AFTER INSERT ON ledger_transactions DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION check_ledger_balance();

  CREATE FUNCTION refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    RAISE EXCEPTION 'the ledger is only added to: book the opposite' USING ERRCODE = 'restrict_violation';
  END $$;
  CREATE TRIGGER only_added_to BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_transactions EXECUTE FUNCTION refuse_ledger_change();
  CREATE TRIGGER only_added_to BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entries EXECUTE FUNCTION refuse_ledger_change();
`;
