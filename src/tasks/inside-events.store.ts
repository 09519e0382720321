// SQL of the audit trail of what is done inside tasks: events of the task, with who did it.
import type { TaskId, TenantId } from '@berth/contract';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';

export type InsideEvent = 'exec-started' | 'exec-ended' | 'copied-in' | 'copied-out' | 'forwarded';

@Injectable()
export class InsideEventsStore {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  /** @param reason what was done; by which key is added to it. */
  async add(tenantId: TenantId, taskId: TaskId, type: InsideEvent, reason: string, keyId: string): Promise<void> {
    await this.database.query(
      `INSERT INTO task_events (task_id, tenant_id, type, reason)
       SELECT $1, $2, $3, $4 || ' By the key ' ||
         coalesce((SELECT name || ' (berth_' || prefix || ')' FROM api_keys WHERE id::text = $5 AND tenant_id = $2), $5) || '.'`,
      [taskId, tenantId, type, reason, keyId],
    );
  }
}
