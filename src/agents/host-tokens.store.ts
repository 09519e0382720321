// One-use bootstrap tokens and what they buy: a row in `hosts`. Only the secret's SHA-256 is stored.
import type { CreateHostToken, HostId } from '@berth/contract';
import type { DataSource } from 'typeorm';

export async function insertHostToken(
  db: DataSource,
  secretHash: Buffer,
  { validForSeconds, pool, zone, attributes }: CreateHostToken,
): Promise<{ expiresAt: Date }> {
  const rows: { expires_at: Date }[] = await db.query(
    `INSERT INTO host_tokens (secret_hash, expires_at, pool, zone, attributes)
     VALUES ($1, now() + $2 * interval '1 second', $3, $4, $5) RETURNING expires_at`,
    [secretHash, validForSeconds, pool, zone ?? null, JSON.stringify(attributes)],
  );
  const [row] = rows;
  if (!row) throw new Error('the host token was not stored');
  return { expiresAt: row.expires_at };
}

/**
 * Spends the token on a new host, which counts as unreachable until its agent connects. The same key gets the same host
 * again while the token lives: the answer to the first time may have been lost.
 * @returns null if the token is not good.
 */
export async function redeemHostToken(
  db: DataSource,
  secretHash: Buffer,
  { id, name, keyHash }: { id: HostId; name: string; keyHash: Buffer },
): Promise<{ hostId: HostId; isNew: boolean } | null> {
  const rows: { id: HostId; is_new: boolean }[] = await db.query(
    `WITH token AS (
       SELECT host_id, used_at, key_hash FROM host_tokens WHERE secret_hash = $1 AND expires_at > now() FOR UPDATE
     ), spent AS (
       UPDATE host_tokens SET used_at = now(), host_id = $2, key_hash = $4
       WHERE secret_hash = $1 AND used_at IS NULL AND expires_at > now()
       RETURNING host_id, pool, zone, attributes
     ), host AS (
       INSERT INTO hosts (id, name, state, pool, zone, operator_attributes)
       SELECT host_id, $3, 'unreachable', pool, zone, attributes FROM spent RETURNING id
     ), told AS (
       INSERT INTO host_events (host_id, type, reason) SELECT id, 'enrolled', 'It has its certificate.' FROM host
     )
     SELECT id, true AS is_new FROM host
     UNION ALL SELECT host_id, false FROM token WHERE used_at IS NOT NULL AND key_hash = $4`,
    [secretHash, id, name, keyHash],
  );
  return rows[0] ? { hostId: rows[0].id, isNew: rows[0].is_new } : null;
}
