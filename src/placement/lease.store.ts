// The scheduler's lease: one row that says who leads, until when, and in which epoch. All times are the database's, so
// that replicas with wrong clocks agree.
import type { DataSource } from 'typeorm';

const leaseName = 'scheduler';

/** What a guarded write names. The epoch alone would do; the holder makes a mix-up of databases visible. */
export interface Lease {
  readonly holder: string;
  readonly epoch: number;
}

/**
 * Begins a statement that only the leader may carry out: the CTE `lease` has one row while the lease holds, else none.
 * FOR SHARE keeps a successor from taking over between this check and the commit. Parameters $1 and $2 are the lease's.
 */
export const leaseGuard = `
  WITH lease AS (
    SELECT epoch FROM leases WHERE name = '${leaseName}' AND holder = $1 AND epoch = $2 AND expires_at > now() FOR SHARE
  )`;

/**
 * Takes the lease if nobody holds it. The epoch grows with each taking, and is at least the time in seconds: after the
 * database was restored from a backup it is still higher than any epoch an agent has seen.
 * @returns null while somebody holds it.
 */
export async function acquireLease(db: DataSource, holder: string, leaseMs: number): Promise<Lease | null> {
  const rows: { epoch: string }[] = await db.query(
    `INSERT INTO leases AS l (name, holder, epoch, expires_at)
     VALUES ('${leaseName}', $1, floor(extract(epoch FROM now())), now() + $2 * interval '1 ms')
     ON CONFLICT (name) DO UPDATE
       SET holder = excluded.holder, epoch = greatest(l.epoch + 1, excluded.epoch), expires_at = excluded.expires_at
       WHERE l.expires_at <= now()
     RETURNING epoch`,
    [holder, leaseMs],
  );
  return rows[0] ? { holder, epoch: Number(rows[0].epoch) } : null;
}

/** @returns false when the lease has gone to somebody else. */
export async function renewLease(db: DataSource, lease: Lease, leaseMs: number): Promise<boolean> {
  const [rows]: [unknown[], number] = await db.query(
    `UPDATE leases SET expires_at = now() + $3 * interval '1 ms'
     WHERE name = '${leaseName}' AND holder = $1 AND epoch = $2 RETURNING epoch`,
    [lease.holder, lease.epoch, leaseMs],
  );
  return rows.length > 0;
}

/** Lets another replica take over at once. */
export async function releaseLease(db: DataSource, lease: Lease): Promise<void> {
  await db.query(`UPDATE leases SET expires_at = now() WHERE name = '${leaseName}' AND holder = $1 AND epoch = $2`, [
    lease.holder,
    lease.epoch,
  ]);
}
