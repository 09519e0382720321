// One-use bootstrap tokens and what they buy: a row in `hosts`. Only the secret's SHA-256 is stored.
import type { HostId } from '@berth/contract';
import type { DataSource } from 'typeorm';

export async function insertHostToken(db: DataSource, secretHash: Buffer, validForSeconds: number): Promise<{ expiresAt: Date }> {
  const rows: { expires_at: Date }[] = await db.query(
    `INSERT INTO host_tokens (secret_hash, expires_at) VALUES ($1, now() + $2 * interval '1 second') RETURNING expires_at`,
    [secretHash, validForSeconds],
  );
  const [row] = rows;
  if (!row) throw new Error('the host token was not stored');
  return { expiresAt: row.expires_at };
}

/** Spends the token on a new host, which counts as unreachable until its agent connects. @returns false if it is not good. */
export async function redeemHostToken(db: DataSource, secretHash: Buffer, host: { id: HostId; name: string }): Promise<boolean> {
  const rows: unknown[] = await db.query(
    `WITH spent AS (
       UPDATE host_tokens SET used_at = now(), host_id = $2 WHERE secret_hash = $1 AND used_at IS NULL AND expires_at > now()
       RETURNING host_id
     ), host AS (
       INSERT INTO hosts (id, name, state) SELECT host_id, $3, 'unreachable' FROM spent RETURNING id
     )
     SELECT id FROM host`,
    [secretHash, host.id, host.name],
  );
  return rows.length > 0;
}
