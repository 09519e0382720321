// The port to where logs of ended tasks are kept: a directory, or S3. Keys are paths of names that we have checked.
import type { LogChunkInfo, TaskId, TenantId } from '@berth/contract';

export interface LogStore {
  /** Writes the object whole or not at all; one of the same key is replaced. */
  put(key: string, body: Buffer): Promise<void>;
  /** @returns null if there is none. */
  get(key: string): Promise<Buffer | null>;
  /** Removes every object whose key begins with `prefix`, which ends in a slash. None is no error. */
  removeAll(prefix: string): Promise<void>;
}

export const LOG_STORE = Symbol('LogStore');

export function taskPrefix(tenantId: TenantId, taskId: TaskId): string {
  return `${tenantId}/${taskId}/`;
}

export function chunkKey(tenantId: TenantId, taskId: TaskId, { container, start }: Pick<LogChunkInfo, 'container' | 'start'>): string {
  return `${taskPrefix(tenantId, taskId)}${container}/${String(start).padStart(16, '0')}.gz`;
}
