// Exec sessions between the request and their WebSocket: made for one caller, used once, gone after seconds.
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { type CreateExec, type ExecSessionInfo, execLimits, isId, type TenantId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../accounts/caller.js';
import { ApiError } from '../errors.js';
import { ExecSessionsStore, type WaitingSession } from './exec-sessions.store.js';
import { containerOf } from './running-container.js';
import { TasksService } from './tasks.service.js';

@Injectable()
export class ExecSessions {
  constructor(
    @Inject(TasksService) private readonly tasks: TasksService,
    @Inject(ExecSessionsStore) private readonly store: ExecSessionsStore,
  ) {}

  /** @throws ApiError not_found, container_not_running, invalid_request, too_many_sessions */
  async create(tenantId: TenantId, caller: Caller, taskId: string, body: CreateExec): Promise<ExecSessionInfo> {
    const row = await this.tasks.row(tenantId, taskId);
    const container = containerOf(row, body.container);
    const { command, tty, size = null, environment, user = null, workingDirectory = null } = body;
    const id = randomUUID();
    const token = randomBytes(32).toString('base64url');
    const request = { kind: 'exec' as const, container, command, tty, size, environment, user, workingDirectory };
    const session = { taskId: row.id, tenantId, keyId: caller.keyId, request };
    const { sessionSeconds, waitingPerTenant } = execLimits;
    const expiresAt = await this.store.insert(id, session, hashOf(token), sessionSeconds, waitingPerTenant);
    if (!expiresAt)
      throw new ApiError('too_many_sessions', { of: 'tenant', count: waitingPerTenant }, { retryAfterSeconds: sessionSeconds });
    return { id, container, token, url: `/v1/tasks/${row.id}/exec/${id}`, expiresAt: expiresAt.toISOString() };
  }

  /** For whoever has its token. @throws ApiError session_expired */
  async takeByToken(taskId: string, id: string, token: string): Promise<WaitingSession> {
    const session = isId(id) && isId(taskId) ? await this.store.takeByToken(id, taskId, hashOf(token)) : null;
    if (!session) throw expired(taskId);
    return session;
  }

  /** For a caller with a key of the same tenant. @throws ApiError not_found for another's task, session_expired */
  async takeByTenant(taskId: string, id: string, tenantId: TenantId): Promise<WaitingSession> {
    const row = await this.tasks.row(tenantId, taskId);
    const session = isId(id) ? await this.store.takeByTenant(id, row.id, tenantId) : null;
    if (!session) throw expired(taskId);
    return session;
  }
}

function expired(taskId: string): ApiError {
  return new ApiError('session_expired', { task: taskId.slice(0, 64) });
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
