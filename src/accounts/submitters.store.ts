// SQL of what people call those under whose names costs are kept.
import { isId, type TenantId } from '@berth/contract';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';

@Injectable()
export class SubmittersStore {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  /**
   * @param ids of users and API keys, as tasks of the tenant keep them; others are left out
   * @returns e-mail addresses of users and names of keys, by id; of those that are gone as well.
   */
  async labelsOf(tenantId: TenantId, ids: Iterable<string | null>): Promise<Map<string, string>> {
    const known = [...ids].filter((id) => id !== null && isId(id));
    if (known.length === 0) return new Map();
    const rows: { id: string; label: string }[] = await this.database.query(
      `SELECT id, email AS label FROM users WHERE id = ANY ($2::uuid[])
       UNION ALL SELECT id, name FROM api_keys WHERE tenant_id = $1 AND id = ANY ($2::uuid[])`,
      [tenantId, known],
    );
    return new Map(rows.map(({ id, label }) => [id, label]));
  }
}
