// For the few statements of the hot path: PostgreSQL parses and plans them once a connection instead of each time, which
// for the larger ones takes as long as running them.
import type { DataSource } from 'typeorm';

interface Pool {
  query(statement: { name: string; text: string; values: readonly unknown[] }): Promise<{ rows: unknown[] }>;
}

/**
 * Runs a statement under a name, prepared on its first use on each connection of the pool.
 * @param name one for each text, at most 63 characters.
 */
export async function queryPrepared<Row>(db: DataSource, name: string, text: string, values: readonly unknown[] = []): Promise<Row[]> {
  // typeorm has no way to name a statement; the pool is its driver's own pg.Pool.
  const { master } = db.driver as unknown as { master: Pool };
  const { rows } = await master.query({ name, text, values });
  return rows as Row[];
}
