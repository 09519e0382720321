// Networks for tests of the host's runtime: what the control plane would tell of groups, and what tasks ask for.
import { randomUUID } from 'node:crypto';
import type { NetworkState, TaskNetwork, TenantNetwork, WireRule } from '@berth/contract';

export const anyProtocol = { protocol: 'all', fromPort: null, toPort: null } as const;
export const openToAll: WireRule = { ...anyProtocol, peer: { cidr: '0.0.0.0/0' } };
export const fromGroup = (groupId: string): WireRule => ({ ...anyProtocol, peer: { groupId } });
export const tcp = (port: number, peer: WireRule['peer']): WireRule => ({ protocol: 'tcp', fromPort: port, toPort: port, peer });

export interface TestTenant {
  readonly tenantId: string;
  /** Its tasks reach each other, and the outside. */
  readonly group: string;
}

export function newTenant(): TestTenant {
  return { tenantId: randomUUID(), group: randomUUID() };
}

/** @param ingress of the tenant's group, in place of the default's */
export function tenantNetwork(
  { tenantId, group }: TestTenant,
  ingress: readonly WireRule[] = [fromGroup(group)],
  egress = [openToAll],
): TenantNetwork {
  return { tenantId, groups: [{ id: group, ingress: [...ingress], egress }], members: [] };
}

export function networkState(tenants: readonly TenantNetwork[], more: Partial<NetworkState> = {}): NetworkState {
  return { subnet: null, taskNetwork: null, overlay: null, hosts: [], guarded: [], tenants: [...tenants], ...more };
}

export function inGroup(group: string, more: Partial<TaskNetwork> = {}): TaskNetwork {
  return { securityGroups: [group], publishedOpen: false, publishedPorts: [], mbps: null, ...more };
}
