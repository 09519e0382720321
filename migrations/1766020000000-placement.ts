import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What placement asks of tasks and hosts, and how replicas learn what has changed: rows carry the id of the transaction that
 * changed them, and who has read the database up to a transaction asks for what is newer (src/placement/fleet-changes.store.ts).
 */
export class Placement1766020000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE tasks
        -- Tasks of one gang are placed together, or at least gang_min of them, or none.
        ADD COLUMN gang_id uuid,
        ADD COLUMN gang_min integer,
        -- The task for whose sake it has to leave its host.
        ADD COLUMN replaced_by uuid,
        ADD COLUMN arrived_xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
        -- The newest change of what the task holds on which host. Null: nothing yet.
        ADD COLUMN room_xid xid8;
      CREATE INDEX tasks_arrived ON tasks (arrived_xid) WHERE state = 'pending';
      CREATE INDEX tasks_room_changed ON tasks (room_xid) WHERE room_xid IS NOT NULL;
      CREATE INDEX tasks_of_gang ON tasks (gang_id) WHERE gang_id IS NOT NULL;
      -- Ordered by what nobody asks for any more.
      DROP INDEX tasks_pending;

      CREATE FUNCTION note_room_change() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        NEW.room_xid := pg_current_xact_id();
        RETURN NEW;
      END $$;
      CREATE TRIGGER tasks_room_changed BEFORE UPDATE ON tasks FOR EACH ROW WHEN (
        (OLD.state = 'pending') <> (NEW.state = 'pending') OR (OLD.state = 'stopped') <> (NEW.state = 'stopped')
        OR OLD.desired_state <> NEW.desired_state OR OLD.host_id IS DISTINCT FROM NEW.host_id
        OR OLD.cpu_millis <> NEW.cpu_millis OR OLD.memory_mib <> NEW.memory_mib OR OLD.needs <> NEW.needs
      ) EXECUTE FUNCTION note_room_change();
      CREATE TRIGGER tasks_room_made BEFORE INSERT ON tasks FOR EACH ROW WHEN (NEW.state <> 'pending')
        EXECUTE FUNCTION note_room_change();

      ALTER TABLE hosts ADD COLUMN changed_xid xid8 NOT NULL DEFAULT pg_current_xact_id();
      CREATE INDEX hosts_changed ON hosts (changed_xid);
      -- Whatever columns hosts get: all count but the heartbeat.
      CREATE FUNCTION note_host_change() RETURNS trigger LANGUAGE plpgsql AS $$
      DECLARE
        before hosts := OLD;
      BEGIN
        before.last_seen_at := NEW.last_seen_at;
        IF before IS DISTINCT FROM NEW THEN
          NEW.changed_xid := pg_current_xact_id();
        END IF;
        RETURN NEW;
      END $$;
      CREATE TRIGGER hosts_changed BEFORE UPDATE ON hosts FOR EACH ROW EXECUTE FUNCTION note_host_change();

      -- The trigger of tasks does as well: both columns have one name.
      ALTER TABLE volumes ADD COLUMN room_xid xid8 NOT NULL DEFAULT pg_current_xact_id();
      CREATE INDEX volumes_room_changed ON volumes (room_xid);
      CREATE TRIGGER volumes_room_changed BEFORE UPDATE ON volumes FOR EACH ROW EXECUTE FUNCTION note_room_change();

      CREATE TABLE capacity_groups (
        id uuid PRIMARY KEY,
        name text NOT NULL UNIQUE,
        cpu_millis integer NOT NULL,
        memory_mib integer NOT NULL,
        gpus integer NOT NULL DEFAULT 0,
        created_at timestamptz NOT NULL DEFAULT now()
      );
      -- A tenant's guaranteed tasks draw on one group.
      CREATE TABLE capacity_group_tenants (
        tenant_id uuid PRIMARY KEY REFERENCES tenants,
        group_id uuid NOT NULL REFERENCES capacity_groups ON DELETE CASCADE
      );
      CREATE INDEX capacity_group_tenants_group ON capacity_group_tenants (group_id);
    `);
  }

  async down(): Promise<void> {
    throw new Error('Migrations only go forward: restore a backup to go back.');
  }
}
