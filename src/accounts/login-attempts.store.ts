// SQL of who tries to sign in how often. Counted in the database, before a password is looked at: replicas share the count,
// and a hundred attempts at once are a hundred.
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';

export interface AttemptLimit {
  readonly subject: string;
  readonly atMost: number;
}

const windowSeconds = 15 * 60;

@Injectable()
export class LoginAttemptsStore {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  /** Counts one for each subject. @returns in how many seconds to come again, when one has had its share; else null. */
  async spend(limits: readonly AttemptLimit[]): Promise<number | null> {
    // In one order, so that two never wait for each other.
    const sorted = [...limits].sort((a, b) => (a.subject < b.subject ? -1 : 1));
    const rows: { seconds: number }[] = await this.database.query(
      `WITH spent AS (
         INSERT INTO login_attempts AS a (subject, attempts, since) SELECT subject, 1, now() FROM unnest($1::text[]) AS subject
         ON CONFLICT (subject) DO UPDATE SET
           attempts = CASE WHEN a.since > now() - interval '${windowSeconds} seconds' THEN a.attempts + 1 ELSE 1 END,
           since = CASE WHEN a.since > now() - interval '${windowSeconds} seconds' THEN a.since ELSE now() END
         RETURNING subject, attempts, since
       )
       SELECT ceil(extract(epoch FROM spent.since + interval '${windowSeconds} seconds' - now()))::int AS seconds
       FROM spent JOIN unnest($1::text[], $2::int[]) AS allowed (subject, at_most) USING (subject)
       WHERE spent.attempts > allowed.at_most ORDER BY 1 DESC LIMIT 1`,
      [sorted.map(({ subject }) => subject), sorted.map(({ atMost }) => atMost)],
    );
    return rows[0] ? Math.max(1, rows[0].seconds) : null;
  }

  /** After a success: `own` begins anew, and of the others what was spent for it is taken back. */
  async giveBack(own: string, others: readonly string[]): Promise<void> {
    await this.database.query(
      `UPDATE login_attempts SET attempts = CASE subject WHEN $1 THEN 0 ELSE attempts - 1 END
       WHERE subject IN (SELECT subject FROM login_attempts WHERE subject = $1 OR subject = ANY($2::text[]) ORDER BY subject FOR UPDATE)`,
      [own, others],
    );
  }
}
