// Volumes that were deleted and that their host may still have.
import type { HostId } from '@berth/contract';
import type { DataSource } from 'typeorm';

export async function readDoomed(db: DataSource, hostIds: readonly HostId[]): Promise<{ hostId: HostId; volumeId: string }[]> {
  const rows: { id: string; host_id: HostId }[] = await db.query(
    'SELECT id, host_id FROM volumes WHERE host_id = ANY($1::uuid[]) AND removed_at IS NULL AND deleted_at IS NOT NULL ORDER BY deleted_at, id',
    [hostIds],
  );
  return rows.map(({ id, host_id }) => ({ hostId: host_id, volumeId: id }));
}

/** The host says that nothing of these is left on it. What was not deleted, or is another host's, stays as it is. */
export async function noteRemoved(db: DataSource, hostId: HostId, volumeIds: readonly string[]): Promise<void> {
  await db.query(
    `UPDATE volumes SET removed_at = now()
     WHERE host_id = $1 AND id = ANY($2::uuid[]) AND deleted_at IS NOT NULL AND removed_at IS NULL`,
    [hostId, volumeIds],
  );
}
