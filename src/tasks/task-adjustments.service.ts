// Changes running tasks: their size, whether they are frozen, and signals to their processes. A wish is written down and
// the host told; then the answer is waited for a while, so that who asked learns of a refusal.
import {
  type HostId,
  isTerminal,
  type ResizeTask,
  type Signalled,
  type SignalTask,
  signalledSchema,
  signalName,
  type Task,
  type TaskId,
  type TenantId,
} from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { HostLinks } from '../agents/host-links.service.js';
import { SignalBus } from '../db/signals.js';
import { ApiError } from '../errors.js';
import type { Wish } from './adjustment.js';
import { type AdjustOutcome, TaskAdjustmentsStore, type WantedEvent } from './task-adjustments.store.js';
import { requireContainer } from './task-container.js';
import { type TaskRow, toApiTask } from './task-view.js';
import { TaskWatch } from './task-watch.service.js';
import { TasksService } from './tasks.service.js';

/** A host that is in touch answers within a fraction of a second, or in two when it has to make room first. */
const answerWithinMs = 8_000;

@Injectable()
export class TaskAdjustments {
  constructor(
    @Inject(TasksService) private readonly tasks: TasksService,
    @Inject(TaskAdjustmentsStore) private readonly store: TaskAdjustmentsStore,
    @Inject(TaskWatch) private readonly watch: TaskWatch,
    @Inject(SignalBus) private readonly signals: SignalBus,
    @Inject(HostLinks) private readonly hosts: HostLinks,
  ) {}

  /**
   * @returns the task with its new size, or with `adjustment` pending when the host did not answer within 8 s: it does
   * it as soon as it can.
   * @throws ApiError not_found, task_not_running, no_room, quota_exceeded, adjustment_refused, invalid_request for less than a container's
   * own limit
   */
  async resize(tenantId: TenantId, id: string, size: ResizeTask): Promise<Task> {
    const row = await this.tasks.row(tenantId, id);
    checkContainerLimits(row, size);
    const words = [
      ...(size.cpuMillis === undefined ? [] : [`${size.cpuMillis} CPU millis`]),
      ...(size.memoryMiB === undefined ? [] : [`${size.memoryMiB} MiB`]),
    ];
    return this.wish(tenantId, row, size, 'resize-wanted', `it is to have ${words.join(' and ')}`);
  }

  /** Safe to repeat. @returns as `resize`. @throws ApiError not_found, task_not_running, adjustment_refused */
  async setFrozen(tenantId: TenantId, id: string, frozen: boolean): Promise<Task> {
    const row = await this.tasks.row(tenantId, id);
    return this.wish(tenantId, row, { frozen }, frozen ? 'freeze-wanted' : 'thaw-wanted', frozen ? 'it is to be held' : 'it is to go on');
  }

  /**
   * Once, when the host can be reached: a signal is no wish that is carried out later.
   * @throws ApiError not_found, task_not_running, host_unreachable, signal_not_delivered, invalid_request for a container
   * that the task does not have
   */
  async signal(tenantId: TenantId, id: string, { signal, container }: SignalTask): Promise<Signalled> {
    const row = await this.tasks.row(tenantId, id);
    if (container !== undefined) requireContainer(row, container);
    if (!row.host_id || isTerminal(row.state)) throw notRunning(row, 'no signal can be sent');
    const name = signalName(signal);
    const request = { kind: 'signal', taskId: row.id, signal: name, container: container ?? null } as const;
    const answer = await this.firstFrame(row.host_id as HostId, request);
    if (answer.containers.length === 0) throw new ApiError('signal_not_delivered', { what: container ?? 'the task' });
    await this.store.addEvent(tenantId, row.id, 'signalled', `${name} was sent to ${answer.containers.join(', ')}`);
    this.signals.send('tasks', [row.id]);
    return answer;
  }

  private async firstFrame(hostId: HostId, request: Parameters<HostLinks['openFrames']>[1]): Promise<Signalled> {
    const timeout = AbortSignal.timeout(answerWithinMs);
    for await (const frame of await this.hosts.openFrames(hostId, request, signalledSchema, timeout)) return frame;
    throw new ApiError('host_unreachable');
  }

  private async wish(tenantId: TenantId, row: TaskRow, change: Partial<Wish>, type: WantedEvent, reason: string): Promise<Task> {
    if (!row.host_id || row.state !== 'running') throw notRunning(row, 'it can’t be changed');
    const outcome = await this.store.wish(tenantId, row.id, row.host_id as HostId, change, { type, reason });
    if (outcome.kind !== 'wished') throw await this.refusal(tenantId, row.id, outcome);
    if (outcome.isNew) {
      this.signals.send('desired', [outcome.hostId]);
      this.signals.send('tasks', [row.id]);
    }
    return this.answerTo(tenantId, row.id, outcome.version);
  }

  private async refusal(tenantId: TenantId, id: TaskId, outcome: Exclude<AdjustOutcome, { kind: 'wished' }>): Promise<ApiError> {
    if (outcome.kind === 'not-running') return notRunning(await this.tasks.row(tenantId, id), 'it can’t be changed');
    const { field, ...values } = outcome.shortage;
    return new ApiError('no_room', values, { field });
  }

  private async answerTo(tenantId: TenantId, id: TaskId, version: number): Promise<Task> {
    const timeout = AbortSignal.timeout(answerWithinMs);
    const isAnswered = ({ adjusted, wish_version }: TaskRow) => wish_version > version || (adjusted?.version ?? 0) >= version;
    const row = version === 0 ? null : await this.watch.waitFor(tenantId, id, isAnswered, timeout);
    if (row?.adjusted?.version === version && row.adjusted.refusal !== null)
      throw new ApiError('adjustment_refused', { reason: row.adjusted.refusal });
    return row ? toApiTask(row) : this.tasks.get(tenantId, id);
  }
}

function notRunning(row: TaskRow, what: string): ApiError {
  return new ApiError('task_not_running', {
    state: row.desired_state === 'stopped' && row.state === 'running' ? 'stopping' : row.state,
    what,
  });
}

function checkContainerLimits({ spec }: TaskRow, size: ResizeTask): void {
  for (const field of ['cpuMillis', 'memoryMiB'] as const) {
    const wanted = size[field];
    const larger = spec.containers.find((container) => wanted !== undefined && (container[field] ?? 0) > wanted);
    if (larger)
      throw new ApiError(
        'invalid_request',
        { detail: `The container ${larger.name} has a limit of its own of ${larger[field]}, which is more than ${wanted}.` },
        { field },
      );
  }
}
