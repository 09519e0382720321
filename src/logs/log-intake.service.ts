// Takes the logs of ended tasks from their hosts into the log store. A host may send those of its own tasks only, and
// everything again and again.

import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import {
  agentPaths,
  containerNameSchema,
  type HostId,
  isId,
  storedLogLimits,
  type TaskId,
  type TenantId,
  type WholeLog,
} from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { ApiError, notFound } from '../errors.js';
import { chunkKey, LOG_STORE, type LogStore } from './log-store.js';
import { StoredLogsStore } from './stored-logs.store.js';

const unzip = promisify(gunzip);

export interface LogPath {
  readonly taskId: TaskId;
  /** Null: the list of all chunks. */
  readonly chunk: { readonly container: string; readonly start: number } | null;
}

/** @returns null for a path that is none of a log. */
export function parseLogPath(path: string): LogPath | null {
  if (!path.startsWith(agentPaths.logs)) return null;
  const [taskId = '', container, start, ...more] = path.slice(agentPaths.logs.length).split('/');
  if (!isId(taskId) || more.length > 0) return null;
  if (container === undefined) return { taskId: taskId as TaskId, chunk: null };
  const isChunk = containerNameSchema.safeParse(container).success && start !== undefined && /^\d{1,15}$/.test(start);
  return isChunk ? { taskId: taskId as TaskId, chunk: { container, start: Number(start) } } : null;
}

@Injectable()
export class LogIntake {
  constructor(
    @Inject(StoredLogsStore) private readonly logs: StoredLogsStore,
    @Inject(LOG_STORE) private readonly store: LogStore | null,
  ) {}

  /** @throws ApiError not_found for another host's task or where there is no store, invalid_request for what is no gzip */
  async takeChunk(hostId: HostId, { taskId }: LogPath, chunk: { container: string; start: number }, body: Buffer): Promise<object> {
    const { store, tenantId } = await this.placeOf(hostId, taskId);
    await check(body);
    await store.put(chunkKey(tenantId, taskId, chunk), body);
    return {};
  }

  /** The log is whole. @throws ApiError not_found as `takeChunk` */
  async finish(hostId: HostId, taskId: TaskId, { chunks }: WholeLog): Promise<object> {
    const { tenantId } = await this.placeOf(hostId, taskId);
    await this.logs.add(taskId, tenantId, chunks);
    return {};
  }

  private async placeOf(hostId: HostId, taskId: TaskId): Promise<{ store: LogStore; tenantId: TenantId }> {
    if (!this.store) throw notFound('log store', 'for tasks');
    const tenantId = await this.logs.tenantOf(taskId, hostId);
    if (!tenantId) throw notFound('task', taskId);
    return { store: this.store, tenantId };
  }
}

/** So that no reader meets what can't be read, or what is far larger than it looks. */
async function check(body: Buffer): Promise<void> {
  try {
    await unzip(body, { maxOutputLength: storedLogLimits.chunkBytes });
  } catch (cause) {
    throw new ApiError('invalid_request', { detail: `The body must be gzip of at most ${storedLogLimits.chunkBytes} bytes.` }, { cause });
  }
}
