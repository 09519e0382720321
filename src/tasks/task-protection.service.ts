// Keeps tasks from being taken when their service shrinks. What a task asks for itself is its agent's to report.
import type { ProtectTask, Task, TenantId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { SignalBus } from '../db/signals.js';
import { ApiError } from '../errors.js';
import { TaskProtectionStore } from './task-protection.store.js';
import { TasksService } from './tasks.service.js';

@Injectable()
export class TaskProtection {
  constructor(
    @Inject(TasksService) private readonly tasks: TasksService,
    @Inject(TaskProtectionStore) private readonly store: TaskProtectionStore,
    @Inject(SignalBus) private readonly signals: SignalBus,
  ) {}

  /** @returns the task as it is then. @throws ApiError not_found, task_not_running */
  async set(tenantId: TenantId, id: string, { enabled, expiresInMinutes }: ProtectTask): Promise<Task> {
    const task = await this.tasks.row(tenantId, id);
    if (!(await this.store.set(tenantId, task.id, enabled ? expiresInMinutes : null)))
      throw new ApiError('task_not_running', { state: task.state === 'stopped' ? 'stopped' : 'stopping', what: 'it can’t be protected' });
    this.signals.send('tasks', [task.id]);
    return this.tasks.get(tenantId, id);
  }
}
