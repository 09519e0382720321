// What each host is told of the network, from the rows of the database. Decides only.
import type {
  EgressRule,
  HostEntry,
  HostId,
  IngressRule,
  NetworkState,
  RuleProtocol,
  TenantId,
  TenantNetwork,
  WireGroup,
  WireRule,
} from '@berth/contract';

export interface GroupRow {
  readonly id: string;
  readonly tenantId: TenantId;
  readonly name: string;
  readonly ingress: readonly IngressRule[];
  readonly egress: readonly EgressRule[];
}

export interface MemberRow {
  readonly tenantId: TenantId;
  readonly hostId: HostId;
  readonly address: string;
  readonly groups: readonly string[];
}

/** Everything that the hosts which are looked at need, read at one time. */
export interface NetworkView {
  /** The hosts of the overlay. */
  readonly hosts: readonly HostEntry[];
  /** The subnet of each host that was given one. */
  readonly subnets: ReadonlyMap<HostId, string>;
  readonly groups: readonly GroupRow[];
  readonly members: readonly MemberRow[];
}

export type Fleet = Pick<NetworkState, 'taskNetwork' | 'overlay' | 'guarded'>;

/** @param tenants whose tasks the host has, or had until lately: their next one finds its rules there */
export function stateFor(hostId: HostId, tenants: ReadonlySet<TenantId>, view: NetworkView, fleet: Fleet): NetworkState {
  const others = view.hosts.filter((host) => host.hostId !== hostId);
  const reachable = new Set(others.map((host) => host.hostId));
  const partOfOverlay = others.length < view.hosts.length;
  return {
    ...fleet,
    subnet: view.subnets.get(hostId) ?? null,
    hosts: partOfOverlay ? others : [],
    tenants: [...tenants].sort().map((tenantId) => tenantNetwork(tenantId, view, partOfOverlay ? reachable : new Set())),
  };
}

function tenantNetwork(tenantId: TenantId, { groups, members }: NetworkView, reachable: ReadonlySet<HostId>): TenantNetwork {
  const own = groups.filter((group) => group.tenantId === tenantId);
  const ids = new Map(own.map(({ name, id }) => [name, id]));
  return {
    tenantId,
    groups: own.map((group) => toWire(group, ids)),
    members: members
      .filter((member) => member.tenantId === tenantId && reachable.has(member.hostId))
      .map(({ address, groups: inGroups }) => ({ address, groups: [...inGroups] })),
  };
}

function toWire({ id, ingress, egress }: GroupRow, ids: ReadonlyMap<string, string>): WireGroup {
  return {
    id,
    ingress: ingress.flatMap((rule) => wireRule(rule, rule.source, ids)),
    egress: egress.flatMap((rule) => wireRule(rule, rule.destination, ids)),
  };
}

interface RuleHead {
  readonly protocol: RuleProtocol;
  readonly fromPort?: number | undefined;
  readonly toPort?: number | undefined;
}

/** A rule that names a group which is gone lets nobody through. */
function wireRule(rule: RuleHead, peer: IngressRule['source'], ids: ReadonlyMap<string, string>): WireRule[] {
  const { protocol, fromPort = null, toPort = null } = rule;
  if ('cidr' in peer) return [{ protocol, fromPort, toPort, peer: { cidr: peer.cidr } }];
  const groupId = ids.get(peer.group);
  return groupId === undefined ? [] : [{ protocol, fromPort, toPort, peer: { groupId } }];
}
