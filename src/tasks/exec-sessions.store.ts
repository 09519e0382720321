// SQL of exec sessions that wait for their WebSocket. One is taken by deleting its row, so it serves once.
import type { StreamStart, TaskId, TenantId } from '@berth/contract';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';

export type ExecStart = Extract<StreamStart, { kind: 'exec' }>;

export interface WaitingSession {
  readonly taskId: TaskId;
  readonly tenantId: TenantId;
  /** Of the API key that asked for it. */
  readonly keyId: string;
  readonly request: ExecStart;
}

@Injectable()
export class ExecSessionsStore {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  /** Forgets expired ones on the way. @returns when it expires; null when the tenant has as many waiting as it may. */
  async insert(
    id: string,
    session: WaitingSession,
    tokenHash: Buffer,
    validForSeconds: number,
    waitingAtMost: number,
  ): Promise<Date | null> {
    await this.database.query('DELETE FROM exec_sessions WHERE expires_at < now()');
    const rows: { expires_at: Date }[] = await this.database.query(
      `INSERT INTO exec_sessions (id, tenant_id, task_id, key_id, request, token_hash, expires_at)
       SELECT $1, $2, $3, $4, $5, $6, now() + $7::int * interval '1 second'
       WHERE (SELECT count(*) FROM exec_sessions WHERE tenant_id = $2) < $8
       RETURNING expires_at`,
      [id, session.tenantId, session.taskId, session.keyId, session.request, tokenHash, validForSeconds, waitingAtMost],
    );
    return rows[0]?.expires_at ?? null;
  }

  /** By its token. @returns null if there is none, or it has expired. */
  async takeByToken(id: string, taskId: string, tokenHash: Buffer): Promise<WaitingSession | null> {
    return this.take('id = $1 AND task_id = $2 AND token_hash = $3', [id, taskId, tokenHash]);
  }

  /** For a caller whose API key is of this tenant. @returns as `takeByToken` */
  async takeByTenant(id: string, taskId: string, tenantId: TenantId): Promise<WaitingSession | null> {
    return this.take('id = $1 AND task_id = $2 AND tenant_id = $3', [id, taskId, tenantId]);
  }

  private async take(condition: string, values: readonly unknown[]): Promise<WaitingSession | null> {
    const [rows]: [{ task_id: TaskId; tenant_id: TenantId; key_id: string; request: ExecStart }[]] = await this.database.query(
      `DELETE FROM exec_sessions WHERE ${condition} AND expires_at > now() RETURNING task_id, tenant_id, key_id, request`,
      [...values],
    );
    const row = rows[0];
    return row ? { taskId: row.task_id, tenantId: row.tenant_id, keyId: row.key_id, request: row.request } : null;
  }
}
