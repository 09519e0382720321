// Where volumes live: SQL of the scheduler's, in parts of its statements and one of its own.
import type { HostId } from '@berth/contract';
import type { DataSource } from 'typeorm';
import { holdsCapacity } from '../db/holding.js';
import { queryPrepared } from '../db/prepared.js';
import type { VolumeHome } from './volume-needs.js';

/** A table of how much disk volumes hold on each host. Deleted ones count until the host has removed them. */
export const volumesOnHosts =
  '(SELECT host_id, sum(size_mib)::int AS disk FROM volumes WHERE removed_at IS NULL AND host_id IS NOT NULL GROUP BY host_id)';

/** The last word, as long as there is one leader at a time, is place.ts's; this keeps a task from its data's absence. */
export function volumesAllow(needs: string, hostId: string): string {
  return `(NOT ${needs} ? 'volumes' OR NOT EXISTS (
    SELECT FROM jsonb_array_elements(${needs}->'volumes') AS need JOIN volumes v ON v.id = (need->>'id')::uuid
    WHERE v.host_id <> ${hostId} OR v.deleted_at IS NOT NULL))`;
}

/** @param placed a table of tasks that were just given a host: it is the home of those of their volumes that had none. */
export function volumesChoose(placed: string): string {
  return `housed AS (
    UPDATE volumes v SET host_id = p.host_id FROM ${placed} p, jsonb_array_elements(p.needs->'volumes') AS need
    WHERE p.needs ? 'volumes' AND v.id = (need->>'id')::uuid AND v.host_id IS NULL)`;
}

/** Of these volumes those that live somewhere. */
export async function readVolumeHomes(db: DataSource, ids: readonly string[]): Promise<VolumeHome[]> {
  if (ids.length === 0) return [];
  const rows: { id: string; host_id: HostId; host_name: string; written: boolean }[] = await queryPrepared(
    db,
    'berth-volume-homes',
    `SELECT v.id, v.host_id, h.name AS host_name, EXISTS (
       SELECT FROM tasks t
       WHERE t.tenant_id = v.tenant_id AND t.state <> 'stopped' AND t.state ${holdsCapacity} AND t.needs ? 'volumes'
         AND t.needs->'volumes' @> jsonb_build_array(jsonb_build_object('id', v.id, 'write', true))
     ) AS written
     FROM volumes v JOIN hosts h ON h.id = v.host_id WHERE v.id = ANY($1::uuid[])`,
    [ids],
  );
  return rows.map(({ id, host_id: hostId, host_name: hostName, written }) => ({ id, hostId, hostName, written }));
}
