// SQL of logs in the log store: which are whole there, and which have been kept long enough.
import type { HostId, LogChunkInfo, TaskId, TenantId } from '@berth/contract';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';

export interface StoredLog {
  readonly taskId: TaskId;
  readonly tenantId: TenantId;
  readonly chunks: readonly LogChunkInfo[];
  readonly removed: boolean;
}

@Injectable()
export class StoredLogsStore {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  /** The tenant of a task that is, or was, on this host; null for any other. */
  async tenantOf(taskId: TaskId, hostId: HostId): Promise<TenantId | null> {
    const [row] = await this.database.query('SELECT tenant_id FROM tasks WHERE id = $1 AND host_id = $2', [taskId, hostId]);
    return row?.tenant_id ?? null;
  }

  async find(taskId: TaskId): Promise<StoredLog | null> {
    const [row] = await this.database.query('SELECT task_id, tenant_id, chunks, removed_at FROM stored_logs WHERE task_id = $1', [taskId]);
    return row ? toStoredLog(row) : null;
  }

  /** Once whole, a log stays as it is. */
  async add(taskId: TaskId, tenantId: TenantId, chunks: readonly LogChunkInfo[]): Promise<void> {
    await this.database.query('INSERT INTO stored_logs (task_id, tenant_id, chunks) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING', [
      taskId,
      tenantId,
      JSON.stringify(chunks),
    ]);
  }

  /** Logs that were stored more than `hours` ago and are still there, oldest first. */
  async listKept(hours: number, limit: number): Promise<StoredLog[]> {
    const rows: StoredRow[] = await this.database.query(
      `SELECT task_id, tenant_id, chunks, removed_at FROM stored_logs
       WHERE removed_at IS NULL AND stored_at < now() - $1 * interval '1 hour' ORDER BY stored_at LIMIT $2`,
      [hours, limit],
    );
    return rows.map(toStoredLog);
  }

  async markRemoved(taskId: TaskId): Promise<void> {
    await this.database.query("UPDATE stored_logs SET removed_at = now(), chunks = '[]' WHERE task_id = $1", [taskId]);
  }
}

interface StoredRow {
  task_id: TaskId;
  tenant_id: TenantId;
  chunks: LogChunkInfo[];
  removed_at: Date | null;
}

function toStoredLog(row: StoredRow): StoredLog {
  return { taskId: row.task_id, tenantId: row.tenant_id, chunks: row.chunks, removed: row.removed_at !== null };
}
