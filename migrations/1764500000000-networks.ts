import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Security groups, the tasks in them, what tasks publish, and the hosts' subnets. */
export class Networks1764500000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE security_groups (
        id uuid PRIMARY KEY,
        tenant_id uuid NOT NULL REFERENCES tenants,
        name text NOT NULL,
        description text NOT NULL DEFAULT '',
        -- Lists of rules as the API has them; groups in them are named, for a name never changes.
        ingress jsonb NOT NULL,
        egress jsonb NOT NULL,
        version integer NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        UNIQUE (tenant_id, name)
      );

      -- Whoever makes a tenant makes its default group: there is no moment at which a task could find none.
      CREATE FUNCTION make_default_security_group() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        INSERT INTO security_groups (id, tenant_id, name, description, ingress, egress)
        VALUES (gen_random_uuid(), NEW.id, 'default', 'Tasks that name no group. They reach each other, and the outside.',
                '[{"protocol": "all", "source": {"group": "default"}}]', '[{"protocol": "all", "destination": {"cidr": "0.0.0.0/0"}}]');
        RETURN NEW;
      END $$;
      CREATE TRIGGER default_security_group AFTER INSERT ON tenants FOR EACH ROW EXECUTE FUNCTION make_default_security_group();
      INSERT INTO security_groups (id, tenant_id, name, description, ingress, egress)
      SELECT gen_random_uuid(), id, 'default', 'Tasks that name no group. They reach each other, and the outside.',
             '[{"protocol": "all", "source": {"group": "default"}}]', '[{"protocol": "all", "destination": {"cidr": "0.0.0.0/0"}}]'
      FROM tenants;

      ALTER TABLE tasks ADD COLUMN security_groups uuid[] NOT NULL DEFAULT '{}';
      ALTER TABLE tasks ADD COLUMN ports jsonb NOT NULL DEFAULT '[]';
      CREATE INDEX tasks_in_security_group ON tasks USING gin (security_groups)
        WHERE state IN ('pending', 'placed', 'starting', 'running', 'stopping');

      -- The subnet that the host is to use for its tasks; null: the one it is configured with.
      ALTER TABLE hosts ADD COLUMN subnet text UNIQUE;
      -- What its agent says of its network: {"subnet", "underlay"}; null if its tasks have none of their own.
      ALTER TABLE hosts ADD COLUMN network jsonb;
    `);
  }

  async down(): Promise<void> {
    throw new Error('Migrations only go forward: restore a backup to go back.');
  }
}
