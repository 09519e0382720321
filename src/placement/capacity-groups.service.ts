// Capacity set aside for sets of tenants. The scheduler reads the groups with each change of the fleet.
import { type CapacityGroup, capacityGroupNameSchema, type PutCapacityGroup } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { SignalBus } from '../db/signals.js';
import { ApiError, notFound } from '../errors.js';
import { CapacityGroupsStore } from './capacity-groups.store.js';

@Injectable()
export class CapacityGroups {
  constructor(
    @Inject(CapacityGroupsStore) private readonly store: CapacityGroupsStore,
    @Inject(SignalBus) private readonly signals: SignalBus,
  ) {}

  list(): Promise<CapacityGroup[]> {
    return this.store.list(null);
  }

  /** @throws ApiError not_found */
  async get(name: string): Promise<CapacityGroup> {
    const [group] = await this.store.list(name);
    if (!group) throw notFound('capacity group', name);
    return group;
  }

  /** Makes it or changes all of it. Tasks that run stay. @throws ApiError invalid_request, not_found for a tenant, tenant_has_capacity_group */
  async put(name: string, body: PutCapacityGroup): Promise<CapacityGroup> {
    const named = capacityGroupNameSchema.safeParse(name);
    if (!named.success) throw new ApiError('invalid_request', { detail: `The name ${named.error.issues[0]?.message}.` }, { field: 'name' });
    const [trouble] = await this.store.put(name, body);
    if (trouble && trouble.group === null) throw notFound('tenant', trouble.tenantId);
    if (trouble)
      throw new ApiError('tenant_has_capacity_group', { tenant: trouble.tenantId, group: trouble.group ?? '' }, { field: 'tenants' });
    this.signals.send('pending', null);
    return this.get(name);
  }

  /** Tasks that run stay; guaranteed tasks of its tenants that wait go on waiting. @throws ApiError not_found */
  async delete(name: string): Promise<CapacityGroup> {
    const group = await this.get(name);
    await this.store.delete(name);
    this.signals.send('pending', null);
    return group;
  }
}
