// Security groups as tenants make and change them. A change is announced; hosts have it within a second.
import {
  type CreateSecurityGroup,
  defaultSecurityGroup,
  type PageQuery,
  type SecurityGroup,
  securityGroupLimits,
  type TenantId,
  type updateSecurityGroupSchema,
} from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { z } from 'zod';
import { SignalBus } from '../db/signals.js';
import { ApiError, notFound } from '../errors.js';
import { decodeCursor, type Page, pageOf } from '../http/cursor.js';
import { SecurityGroupsStore } from './security-groups.store.js';

type Rules = Partial<Pick<SecurityGroup, 'ingress' | 'egress'>>;

@Injectable()
export class SecurityGroups {
  constructor(
    @Inject(SecurityGroupsStore) private readonly store: SecurityGroupsStore,
    @Inject(SignalBus) private readonly signals: SignalBus,
  ) {}

  /** @throws ApiError name_taken, too_many, unknown_security_group */
  async create(tenantId: TenantId, group: CreateSecurityGroup): Promise<SecurityGroup> {
    const created = await this.store.alone(tenantId, async (manager) => {
      const names = await this.store.namesOf(manager, tenantId);
      if (names.has(group.name)) throw new ApiError('name_taken', { what: 'security group', name: group.name }, { field: 'name' });
      requireKnown(group, names.add(group.name));
      return this.store.insert(manager, tenantId, group);
    });
    if (!created) throw new ApiError('too_many', { what: 'security groups', limit: securityGroupLimits.perTenant });
    return created;
  }

  async list(tenantId: TenantId, { limit, cursor }: PageQuery): Promise<Page<SecurityGroup>> {
    const after = cursor === undefined ? null : (decodeCursor(cursor, 'security-groups', 1)[0] ?? null);
    return pageOf(await this.store.list(tenantId, after, limit + 1), limit, 'security-groups', (group) => [group.name]);
  }

  /** @throws ApiError not_found */
  async get(tenantId: TenantId, name: string): Promise<SecurityGroup> {
    const group = await this.store.find(tenantId, name);
    if (!group) throw noGroup(name);
    return group;
  }

  /** @throws ApiError not_found, unknown_security_group */
  async update(tenantId: TenantId, name: string, changes: z.output<typeof updateSecurityGroupSchema>): Promise<SecurityGroup> {
    const { description = null, ingress = null, egress = null } = changes;
    const updated = await this.store.alone(tenantId, async (manager) => {
      requireKnown(changes, await this.store.namesOf(manager, tenantId));
      return this.store.update(manager, tenantId, name, { description, ingress, egress });
    });
    if (!updated) throw noGroup(name);
    this.signals.send('network', null);
    return updated;
  }

  /**
   * Of what it was, the answer says the last. The tenant’s default group stays.
   * @throws ApiError not_found, security_group_in_use
   */
  async delete(tenantId: TenantId, name: string): Promise<SecurityGroup> {
    const deleted = await this.store.alone(tenantId, (manager) => this.deleteUnused(manager, tenantId, name));
    this.signals.send('network', null);
    return deleted;
  }

  private async deleteUnused(manager: EntityManager, tenantId: TenantId, name: string): Promise<SecurityGroup> {
    const inUse = (by: string) => new ApiError('security_group_in_use', { name, by });
    await this.store.lock(manager, tenantId, name);
    const group = await this.store.find(tenantId, name, manager);
    if (!group) throw noGroup(name);
    if (name === defaultSecurityGroup) throw inUse('every task that names no group');
    if (group.tasks > 0) throw inUse(group.tasks === 1 ? '1 task' : `${group.tasks} tasks`);
    const namedBy = await this.store.namedBy(manager, tenantId, name);
    if (namedBy.length > 0) throw inUse(`rules of ${namedBy.join(', ')}`);
    await this.store.delete(manager, tenantId, name);
    return group;
  }
}

const longestName = 63;
const noGroup = (name: string) => notFound('security group', name, longestName);

/** A rule can only name a group that is there. @throws ApiError unknown_security_group */
function requireKnown({ ingress = [], egress = [] }: Rules, names: ReadonlySet<string>): void {
  const peers = [
    ...ingress.map(({ source }, index) => ({ peer: source, field: `ingress.${index}.source.group` })),
    ...egress.map(({ destination }, index) => ({ peer: destination, field: `egress.${index}.destination.group` })),
  ];
  for (const { peer, field } of peers) {
    if ('group' in peer && !names.has(peer.group)) throw new ApiError('unknown_security_group', { name: peer.group }, { field });
  }
}
