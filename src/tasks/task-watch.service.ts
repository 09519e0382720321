// Follows one task: wakes on signals, and looks by itself from time to time because a signal may be lost.
import { isTerminal, type TenantId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { SignalBus } from '../db/signals.js';
import type { TaskRow } from './task-view.js';
import { TasksService } from './tasks.service.js';

const lookEveryMs = 2_000;

@Injectable()
export class TaskWatch {
  constructor(
    @Inject(TasksService) private readonly tasks: TasksService,
    @Inject(SignalBus) private readonly signals: SignalBus,
  ) {}

  /**
   * The task now and after every time it may have changed, until it has stopped or `signal` fires.
   * @throws ApiError not_found
   */
  async *changes(tenantId: TenantId, id: string, signal: AbortSignal): AsyncGenerator<TaskRow> {
    const bell = new Bell(signal);
    const off = this.signals.on('tasks', (ids) => ids.includes(id) && bell.ring());
    try {
      while (!signal.aborted) {
        bell.reset();
        const row = await this.tasks.row(tenantId, id);
        yield row;
        if (isTerminal(row.state)) return;
        await bell.rung(lookEveryMs);
      }
    } finally {
      off();
    }
  }

  /** The task as soon as `until` holds or it has stopped; null when `signal` fired first. @throws ApiError not_found */
  async waitFor(tenantId: TenantId, id: string, until: (row: TaskRow) => boolean, signal: AbortSignal): Promise<TaskRow | null> {
    for await (const row of this.changes(tenantId, id, signal)) {
      if (until(row) || isTerminal(row.state)) return row;
    }
    return null;
  }
}

/** Remembers a ring that comes while nobody waits, so that no change is missed between reading and waiting. */
class Bell {
  private rang = false;
  private wake: (() => void) | null = null;

  constructor(private readonly signal: AbortSignal) {}

  ring(): void {
    this.rang = true;
    this.wake?.();
  }

  reset(): void {
    this.rang = false;
  }

  /** Resolves on a ring, after `ms`, or when the signal fires. */
  rung(ms: number): Promise<void> {
    if (this.rang || this.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const settle = () => {
        clearTimeout(timer);
        this.signal.removeEventListener('abort', settle);
        this.wake = null;
        resolve();
      };
      const timer = setTimeout(settle, ms);
      this.signal.addEventListener('abort', settle);
      this.wake = settle;
    });
  }
}
