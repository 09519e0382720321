// SQL of scale-in protection as the API sets it. What a task says of itself comes with its reports (agents/); of the two
// the later one counts.
import type { TaskId, TenantId } from '@berth/contract';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';

@Injectable()
export class TaskProtectionStore {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  /** @param minutes null takes the protection off. @returns false when the task has stopped or is to stop. */
  async set(tenantId: TenantId, id: TaskId, minutes: number | null): Promise<boolean> {
    const [rows] = await this.database.query(
      `UPDATE tasks SET protected_until = now() + $3::int * interval '1 minute', protection_set_at = now()
       WHERE tenant_id = $1 AND id = $2 AND state <> 'stopped' AND desired_state = 'running' RETURNING id`,
      [tenantId, id, minutes],
    );
    return rows.length > 0;
  }
}
