// SQL of wishes about running tasks. Room on the host is taken in the same transaction, behind the lock of the host's row:
// placement takes that lock, too, and finds the host's `room_version` changed.
import type { HostId, TaskId, TenantId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { QuotaSpending } from '../accounts/quota-spending.service.js';
import { holdsCapacity } from '../db/holding.js';
import { type Adjustable, nextWish, type Wish, wishOf } from './adjustment.js';
import { type HostRoom, type Shortage, shortageOf } from './host-room.js';

export type AdjustOutcome =
  /** The newest wish asks for it: since now, or since before. */
  | { readonly kind: 'wished'; readonly hostId: HostId; readonly version: number; readonly isNew: boolean }
  | { readonly kind: 'not-running' }
  | { readonly kind: 'no-room'; readonly shortage: Shortage };

export type WantedEvent = 'resize-wanted' | 'freeze-wanted' | 'thaw-wanted';

type LockedTask = Adjustable & { readonly host_id: HostId; readonly desired_state: 'running' | 'stopped' };

@Injectable()
export class TaskAdjustmentsStore {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    @Inject(QuotaSpending) private readonly quotas: QuotaSpending,
  ) {}

  /** Writes the wish with its event, or nothing. The task must be the tenant's. @throws ApiError quota_exceeded */
  wish(
    tenantId: TenantId,
    id: TaskId,
    hostId: HostId,
    change: Partial<Wish>,
    event: { type: WantedEvent; reason: string },
  ): Promise<AdjustOutcome> {
    return this.database.transaction(async (manager) => {
      const room = await lockHost(manager, hostId, id);
      const task = await lockTask(manager, tenantId, id);
      if (task?.state !== 'running' || task.desired_state !== 'running' || task.host_id !== hostId) return { kind: 'not-running' };
      const next = nextWish(task, change);
      if (!next) return { kind: 'wished', hostId, version: task.wish_version, isNew: false };
      const holds = { cpuMillis: task.cpu_millis, memoryMiB: task.memory_mib };
      const shortage = shortageOf(room, holds, next);
      if (shortage) return { kind: 'no-room', shortage };
      await this.quotas.spend(manager, tenantId, {
        cpuMillis: Math.max(0, next.cpuMillis - holds.cpuMillis),
        memoryMiB: Math.max(0, next.memoryMiB - holds.memoryMiB),
      });
      await write(manager, id, task, next);
      await manager.query('INSERT INTO task_events (task_id, tenant_id, type, reason) VALUES ($1, $2, $3, $4)', [
        id,
        tenantId,
        event.type,
        event.reason,
      ]);
      if (next.cpuMillis > holds.cpuMillis || next.memoryMiB > holds.memoryMiB)
        await manager.query('UPDATE hosts SET room_version = room_version + 1 WHERE id = $1', [hostId]);
      return { kind: 'wished', hostId, version: task.wish_version + 1, isNew: true };
    });
  }

  async addEvent(tenantId: TenantId, id: TaskId, type: string, reason: string): Promise<void> {
    await this.database.query('INSERT INTO task_events (task_id, tenant_id, type, reason) VALUES ($1, $2, $3, $4)', [
      id,
      tenantId,
      type,
      reason,
    ]);
  }
}

/** Two statements: what others hold is read when they have let go of the row, and not before. */
async function lockHost(manager: EntityManager, hostId: HostId, except: TaskId): Promise<HostRoom> {
  const [host] = await manager.query('SELECT cpu_millis, memory_mib FROM hosts WHERE id = $1 FOR UPDATE', [hostId]);
  const [others] = await manager.query(
    `SELECT coalesce(sum(cpu_millis), 0)::int AS cpu_millis, coalesce(sum(memory_mib), 0)::int AS memory_mib
     FROM tasks WHERE host_id = $1 AND id <> $2 AND state ${holdsCapacity}`,
    [hostId, except],
  );
  return {
    capacity: { cpuMillis: host?.cpu_millis ?? 0, memoryMiB: host?.memory_mib ?? 0 },
    usedByOthers: { cpuMillis: others.cpu_millis, memoryMiB: others.memory_mib },
  };
}

async function lockTask(manager: EntityManager, tenantId: TenantId, id: TaskId): Promise<LockedTask | undefined> {
  const [task] = await manager.query(
    `SELECT state, desired_state, host_id, cpu_millis, memory_mib, wish, wish_version, adjusted
     FROM tasks WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE`,
    [tenantId, id],
  );
  return task;
}

/** It holds what it has and what it is to have, whichever is more, until the host has answered. */
async function write(manager: EntityManager, id: TaskId, task: LockedTask, next: Wish): Promise<void> {
  const now = wishOf(task);
  const before = task.adjusted ?? { ...now, version: 0, refusal: null };
  await manager.query(
    `UPDATE tasks SET wish = $2, wish_version = wish_version + 1, adjusted = $3, cpu_millis = $4, memory_mib = $5 WHERE id = $1`,
    [
      id,
      JSON.stringify(next),
      JSON.stringify(before),
      Math.max(before.cpuMillis, next.cpuMillis),
      Math.max(before.memoryMiB, next.memoryMiB),
    ],
  );
}
