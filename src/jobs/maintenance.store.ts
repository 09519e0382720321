// SQL of what is thrown away because its time is over.
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';

const rowsPerStatement = 5_000;

@Injectable()
export class MaintenanceStore {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  /** @returns how many idempotency keys were older than `hours`. */
  deleteIdempotencyKeys(hours: number): Promise<number> {
    return this.deleteAll('idempotency_keys', `created_at < now() - ${Number(hours)} * interval '1 hour'`);
  }

  /** @returns how many host tokens had been used or had expired more than `hours` ago. */
  deleteHostTokens(hours: number): Promise<number> {
    return this.deleteAll('host_tokens', `coalesce(used_at, expires_at) < now() - ${Number(hours)} * interval '1 hour'`);
  }

  /** @returns how many sessions had ended more than `hours` ago. */
  deleteSessions(hours: number): Promise<number> {
    return this.deleteAll('sessions', `expires_at < now() - ${Number(hours)} * interval '1 hour'`);
  }

  /** @returns how many counts of attempts to sign in are too old to count. */
  deleteLoginAttempts(hours: number): Promise<number> {
    return this.deleteAll('login_attempts', `since < now() - ${Number(hours)} * interval '1 hour'`);
  }

  /** Some at a time, so that nobody waits long for a lock or for the log of changes. */
  private async deleteAll(table: string, condition: string): Promise<number> {
    let total = 0;
    for (;;) {
      const [, count]: [unknown, number] = await this.database.query(
        `DELETE FROM ${table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM ${table} WHERE ${condition} LIMIT ${rowsPerStatement}))`,
      );
      total += count;
      if (count < rowsPerStatement) return total;
    }
  }
}
