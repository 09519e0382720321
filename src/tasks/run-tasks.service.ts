// POST /v1/tasks: all tasks of a request or none, once for each Idempotency-Key.
import { randomUUID } from 'node:crypto';
import type { RunTasks, Task, TaskId, TenantId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { exhaustedBudgets } from '../billing/budgets/budgets.store.js';
import { isInScope } from '../billing/cost-groups.js';
import { SignalBus } from '../db/signals.js';
import { ApiError } from '../errors.js';
import { canonicalJson, hashOf } from './canonical-json.js';
import { type KeyUse, type Made, type NewTasks, RunTasksStore } from './run-tasks.store.js';
import { type Definition, groupsOf, needsOf, type RegisteredSpec, taskSize } from './task-definition.js';
import { TaskDefinitionsService } from './task-definitions.service.js';
import { TaskStorage } from './task-storage.service.js';
import { type TaskRow, toApiTask } from './task-view.js';
import { TasksStore } from './tasks.store.js';

/** Rolls the transaction back when another request has used the key meanwhile. */
class KeyTaken extends Error {}

/** On whose behalf tasks are made. */
export interface Submitter {
  readonly tenantId: TenantId;
  /** Id of the user or API key. */
  readonly submittedBy: string;
}

@Injectable()
export class RunTasksService {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    @Inject(RunTasksStore) private readonly store: RunTasksStore,
    @Inject(TasksStore) private readonly tasks: TasksStore,
    @Inject(TaskDefinitionsService) private readonly definitions: TaskDefinitionsService,
    @Inject(TaskStorage) private readonly storage: TaskStorage,
    @Inject(SignalBus) private readonly signals: SignalBus,
  ) {}

  /**
   * Makes `count` pending tasks. With a key that was used for the same request: the tasks made then, as they are now.
   * @param key of the header Idempotency-Key
   * @throws ApiError not_found, invalid_request, idempotency_conflict, unknown_image, registry_denied, registry_unavailable,
   * unknown_security_group, unknown_secret, secrets_too_large, unknown_volume, quota_exceeded, launch_rate_exceeded
   */
  async run(submitter: Submitter, request: RunTasks, key: string | null): Promise<Task[]> {
    const { tenantId } = submitter;
    const use = key === null ? null : { key, requestHash: hashOf(request) };
    const before = use && (await this.madeBefore(tenantId, use));
    if (before) return before;
    const spec = request.definition && (await this.definitions.resolve(request.definition, 'definition.'));
    try {
      const made = await this.database.transaction((manager) => this.insert(manager, submitter, request, spec, use));
      this.signals.send('pending', null);
      return made.map(toApiTask);
    } catch (error) {
      const winner = error instanceof KeyTaken && use ? await this.madeBefore(tenantId, use) : null;
      if (winner) return winner;
      throw error;
    }
  }

  private async insert(
    manager: EntityManager,
    submitter: Submitter,
    request: RunTasks,
    spec: RegisteredSpec | undefined,
    use: KeyUse | null,
  ): Promise<TaskRow[]> {
    const { tenantId, submittedBy } = submitter;
    const ids = Array.from({ length: request.count }, () => randomUUID() as string as TaskId);
    if (use && !(await this.store.takeKey(manager, tenantId, use, ids))) throw new KeyTaken();
    const definition = spec
      ? await this.definitions.findOrInsert(manager, tenantId, spec)
      : await this.definitions.lockForRun(manager, tenantId, request.taskDefinition ?? '');
    await this.checkBudgets(manager, submitter, definition, request);
    const storage = await this.storage.needsOf(manager, tenantId, definition.spec);
    const tasks: NewTasks = {
      ids,
      definitionId: definition.id,
      name: request.name ?? null,
      overrides: request.overrides ?? null,
      ...taskSize(definition.spec, request.overrides),
      needs: { ...needsOf(definition.spec, request), ...storage },
      group: request.group ?? null,
      submittedBy,
      gang: request.gang && request.count > 1 ? { id: randomUUID(), min: request.gang.min ?? request.count } : null,
      securityGroups: groupsOf(definition.spec, request.overrides),
      onHostDrain: request.onHostDrain ?? definition.spec.onHostDrain ?? 'wait',
      disruptionBudget: request.disruptionBudget ?? null,
      tags: request.tags,
    };
    const made = await this.store.insert(manager, tenantId, tasks);
    const missing = tasks.securityGroups.find((name) => !made.securityGroups.some((group) => group.name === name));
    if (missing !== undefined) throw new ApiError('unknown_security_group', { name: missing }, { field: 'securityGroups' });
    return ids.map((id) => newRow(id, tasks, definition, made));
  }

  /** @throws ApiError budget_spent */
  private async checkBudgets(manager: EntityManager, submitter: Submitter, definition: Definition, { group, tags }: RunTasks) {
    const { family, revision, spec } = definition;
    const usage = {
      definition: `${family}:${revision}`,
      group: group ?? null,
      tags: canonicalJson({ ...spec.tags, ...tags }),
      userOrKey: submitter.submittedBy,
    };
    const spent = (await exhaustedBudgets(manager, submitter.tenantId)).find(({ scope }) => isInScope(usage, scope));
    if (spent) throw new ApiError('budget_spent', { name: spent.name });
  }

  /** @throws ApiError idempotency_conflict */
  private async madeBefore(tenantId: TenantId, { key, requestHash }: KeyUse): Promise<Task[] | null> {
    const known = await this.store.findKey(tenantId, key);
    if (!known) return null;
    if (!known.requestHash.equals(requestHash)) throw new ApiError('idempotency_conflict', { key }, { field: 'Idempotency-Key' });
    return (await this.tasks.findAll(tenantId, known.taskIds)).map(toApiTask);
  }
}

/** The row as the statement wrote it, so that the answer needs no second query. */
function newRow(id: TaskId, tasks: NewTasks, { family, revision, spec }: Definition, { createdAt, securityGroups }: Made): TaskRow {
  return {
    id,
    name: tasks.name,
    family,
    revision,
    spec,
    state: 'pending',
    desired_state: 'running',
    cpu_millis: tasks.cpuMillis,
    memory_mib: tasks.memoryMiB,
    host_id: null,
    host_name: null,
    address: null,
    security_groups: securityGroups,
    ports: [],
    placement: null,
    on_host_drain: tasks.onHostDrain,
    replaces: null,
    successor_id: null,
    pending_reason: null,
    needs: tasks.needs,
    group_name: tasks.group,
    submitted_by: tasks.submittedBy,
    gang_id: tasks.gang?.id ?? null,
    replaced_by: null,
    stop_code: null,
    stop_reason: null,
    wish: null,
    wish_version: 0,
    adjusted: null,
    health: 'unknown',
    protected_until: null,
    containers: null,
    tags: tasks.tags,
    start_timings: null,
    created_at: createdAt,
    placed_at: null,
    started_at: null,
    stopped_at: null,
  };
}
