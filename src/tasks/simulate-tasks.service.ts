// POST /v1/placements:simulate: where tasks would go, why, how soon and at what price. Nothing is written.
import { randomUUID } from 'node:crypto';
import {
  ephemeralStorageOf,
  placementLimits,
  type SimulatedPlacement,
  type SimulatePlacement,
  type TaskId,
  type TenantId,
} from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { CostService } from '../billing/cost.service.js';
import { ApiError } from '../errors.js';
import type { Needs, TaskRow } from '../placement/fleet.js';
import { hostSpecOf } from '../placement/host-spec.js';
import { LiveEngine } from '../placement/live-engine.service.js';
import { readPace } from '../placement/pace.store.js';
import { etaMs, simulate } from '../placement/simulate.js';
import { needsOf, type RegisteredSpec, taskSize } from './task-definition.js';
import { TaskDefinitionsService } from './task-definitions.service.js';
import { TaskStorage } from './task-storage.service.js';

type Size = ReturnType<typeof taskSize>;

@Injectable()
export class SimulateTasks {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    @Inject(TaskDefinitionsService) private readonly definitions: TaskDefinitionsService,
    @Inject(TaskStorage) private readonly storage: TaskStorage,
    @Inject(LiveEngine) private readonly live: LiveEngine,
    @Inject(CostService) private readonly costs: CostService,
  ) {}

  /** @throws ApiError as running them would, but for what registries say of images: nobody asks those. */
  async simulate(tenantId: TenantId, request: SimulatePlacement): Promise<SimulatedPlacement> {
    if ((request.taskDefinition === undefined) === (request.definition === undefined))
      throw new ApiError('invalid_request', { detail: 'Give either taskDefinition or definition.' }, { field: 'taskDefinition' });
    const spec = await this.specOf(tenantId, request);
    const size = taskSize(spec, request.overrides);
    const storage = await this.database.transaction((manager) => this.storage.needsOf(manager, tenantId, spec));
    const needs = { ...needsOf(spec, request), ...storage };
    const rows = rowsOf(tenantId, request, size, needs);
    const { simulation, hosts } = await this.live.readEvicting((model) => {
      const simulation = simulate(model, rows);
      return { simulation, hosts: simulation.tasks.map(({ hostId }) => (hostId === null ? undefined : model.hosts.get(hostId))) };
    });
    const pace = await readPace(this.database);
    return {
      placed: simulation.tasks.filter(({ hostId }) => hostId !== null).length,
      tasks: simulation.tasks.map(({ placement, evicts }, index) => {
        const host = hosts[index];
        return { host: host ? { id: host.id, name: host.name, zone: hostSpecOf(host, 0).zone } : null, placement, evicts };
      }),
      pending: simulation.pending,
      queue: {
        ahead: simulation.ahead,
        etaMs: etaMs(simulation, pace.msPerTask, placementLimits.noticeSeconds * 1000),
        startMs: pace.startMs,
      },
      price: await this.costs.hourOf(holdingOf(tenantId, request, spec, needs), size, request.count),
    };
  }

  private async specOf(tenantId: TenantId, { definition, taskDefinition = '' }: SimulatePlacement): Promise<RegisteredSpec> {
    if (!definition)
      return this.database.transaction(async (manager) => (await this.definitions.lockForRun(manager, tenantId, taskDefinition)).spec);
    return { ...definition, containers: definition.containers.map((container) => ({ ...container, imageDigest: '' })) };
  }
}

function rowsOf(tenantId: TenantId, { count, group, gang, tags }: SimulatePlacement, size: Size, needs: Needs): TaskRow[] {
  const together = gang && count > 1 ? { id: randomUUID(), min: gang.min ?? count } : null;
  return Array.from({ length: count }, () => ({
    ...size,
    id: randomUUID() as string as TaskId,
    tenantId,
    state: 'pending',
    stopping: false,
    hostId: null,
    needs: JSON.stringify(needs),
    tags,
    group: group ?? null,
    gang: together,
    replacedBy: null,
    budgetGroup: null,
    ageS: 0,
  }));
}

function holdingOf(tenantId: TenantId, request: SimulatePlacement, spec: RegisteredSpec, needs: Needs) {
  const { group, tags } = request;
  return {
    tenantId,
    group: {
      definition: request.taskDefinition ?? spec.family,
      group: group ?? null,
      tags: JSON.stringify({ ...spec.tags, ...tags }),
      userOrKey: null,
    },
    isolation: spec.isolation ?? 'container',
    capacityTier: needs.capacityTier ?? ('flex' as const),
    diskMiB: ephemeralStorageOf(spec),
    gpus: needs.gpus?.count ?? 0,
    addresses: spec.publishedPorts?.length ?? 0,
  };
}
