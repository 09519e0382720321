// What the firewall is to say, from the sandboxes and tasks of this host and from what the control plane tells of the
// groups and of other hosts. Decides only; network.ts carries it out.
import type { AssignedPort, NetworkState, TenantNetwork } from '@berth/contract';
import { outermost } from './addresses.js';
import {
  addressType,
  groupChains,
  groupRules,
  groupsNamedIn,
  looseRules,
  membersOf,
  type Policy,
  policyOf,
  policyRules,
  tasksOf,
} from './nft-groups.js';
import { bridgeSets, counterOf, countingSets, inetSets, openChains, type Port, portElement } from './nft-rules.js';
import { Ruleset } from './nft-ruleset.js';
import { policeLimit } from './rates.js';

/** A task's place in the network. */
export interface Member {
  readonly slot: number;
  /** Left out by agents of before egress was counted. */
  readonly taskId?: string;
  readonly address: string;
  readonly tenantId: string;
  /** Null: none, and the task reaches the outside only. */
  readonly groups: readonly string[] | null;
  /** What it publishes is open to everybody outside. */
  readonly publishedOpen: boolean;
  readonly ports: readonly AssignedPort[];
  readonly mbps: number | null;
}

const loosePolicy: Policy = { ingress: 'policy_in_loose', egress: 'policy_out_loose' };
/** Policies that no task has any more are kept up to this many: the next task is likely to have the same. */
const idlePolicies = 64;

export class FirewallModel {
  readonly rules: Ruleset;
  private readonly members = new Map<number, Member>();
  private readonly known = new Set<string>();
  /** By set, the addresses in it of tasks on other hosts. */
  private remote = new Map<string, Set<string>>();
  private readonly policies = new Map<string, { policy: Policy; users: number }>();

  /** @param own this host's subnet */
  constructor(
    table: string,
    skeleton: string,
    private readonly own: string,
  ) {
    this.rules = new Ruleset(table, skeleton);
    for (const name of inetSets) this.rules.knowSet(name);
    for (const name of bridgeSets) this.rules.knowSet(name, 'bridge');
    for (const name of countingSets) this.rules.knowSet(name, 'ip');
    this.rules.replace('task_networks', [own]);
    this.rules.setChain(loosePolicy.ingress, looseRules.ingress);
    this.rules.setChain(loosePolicy.egress, looseRules.egress);
  }

  addPort(port: Port): void {
    this.rules.add('ports', portElement(port));
  }

  removePort(port: Port): void {
    this.rules.delete('ports', portElement(port));
  }

  /** Whether the rules of all these groups are known. */
  knows(groups: readonly string[]): boolean {
    return groups.every((id) => this.known.has(id));
  }

  memberOf(slot: number): Member | undefined {
    return this.members.get(slot);
  }

  get hostPorts(): ReadonlySet<string> {
    return new Set(this.rules.keys('published'));
  }

  join(member: Member): void {
    this.leave(member.slot);
    this.members.set(member.slot, member);
    const { address, tenantId, groups, ports, mbps } = member;
    this.count(member);
    if (groups) for (const set of this.setsOf(tenantId, groups)) this.rules.add(set, address);
    const policy = this.takePolicy(member);
    this.rules.add('ingress_of', address, `${address} : jump ${policy.ingress}`);
    this.rules.add('egress_of', address, `${address} : jump ${policy.egress}`);
    for (const port of ports) {
      const key = publishedKey(port);
      this.rules.add('published', key, `${key} : ${address} . ${port.containerPort}`);
      if (member.publishedOpen) this.rules.add('opened', openedKey(address, port));
    }
    if (mbps === null) return;
    this.rules.setLimit(limitName(member), policeLimit(mbps));
    this.rules.add('rates', address, `${address} : "${limitName(member)}"`);
  }

  leave(slot: number): void {
    const member = this.members.get(slot);
    if (!member) return;
    this.members.delete(slot);
    const { address, tenantId, groups, ports } = member;
    if (groups) for (const set of this.setsOf(tenantId, groups)) this.rules.delete(set, address);
    for (const map of ['ingress_of', 'egress_of', 'rates', 'sent_by'] as const) this.rules.delete(map, address);
    if (member.taskId) this.rules.removeCounter(counterOf(member.taskId));
    for (const port of ports) {
      this.rules.delete('published', publishedKey(port));
      this.rules.delete('opened', openedKey(address, port));
    }
    this.rules.removeLimit(limitName(member));
    this.releasePolicy(member);
  }

  private count({ taskId, address }: Member): void {
    if (!taskId) return;
    this.rules.addCounter(counterOf(taskId));
    this.rules.add('sent_by', address, `${address} : "${counterOf(taskId)}"`);
  }

  /** Of counters that the kernel has, those of tasks that are gone. */
  removeOtherCounters(names: Iterable<string>): void {
    const own = new Set([...this.members.values()].flatMap(({ taskId }) => (taskId ? counterOf(taskId) : [])));
    for (const name of names) if (!own.has(name)) this.rules.removeCounter(name);
  }

  /** Takes the place of what was set before. Groups that are not in it any more let nothing through. */
  setState({ hosts, taskNetwork, guarded, overlay, tenants }: NetworkState): void {
    const networks = [this.own, ...(taskNetwork ? [taskNetwork] : []), ...hosts.map(({ subnet }) => subnet)];
    this.rules.replace('task_networks', outermost(networks));
    this.rules.replace('guarded_networks', outermost(guarded.flatMap(({ cidr, port }) => (port === null ? cidr : []))));
    this.rules.replace('guarded_services', [...new Set(guarded.flatMap(({ cidr, port }) => (port === null ? [] : `${cidr} . ${port}`)))]);
    this.rules.replace(
      'peers',
      hosts.map(({ underlay }) => underlay),
    );
    this.rules.setChain('underlay', overlay && hosts.length > 0 ? [`udp dport ${overlay.port} ip saddr != @peers drop`] : []);
    this.setGroups(tenants);
    this.setRemoteMembers(tenants);
    if (this.policies.size > idlePolicies) this.dropIdlePolicies();
  }

  private setGroups(tenants: readonly TenantNetwork[]): void {
    const groups = tenants.flatMap((tenant) => tenant.groups);
    const gone = new Set(this.known);
    for (const group of groups) {
      for (const id of [group.id, ...groupsNamedIn(group)]) this.rules.ensureSet(membersOf(id), addressType);
      const chains = groupChains(group.id);
      const rules = groupRules(group);
      this.rules.setChain(chains.ingress, rules.ingress);
      this.rules.setChain(chains.egress, rules.egress);
      this.known.add(group.id);
      gone.delete(group.id);
    }
    for (const id of gone) {
      // Policies may jump to them still, so they stay, empty.
      this.rules.setChain(groupChains(id).ingress, []);
      this.rules.setChain(groupChains(id).egress, []);
      this.known.delete(id);
    }
  }

  private setRemoteMembers(tenants: readonly TenantNetwork[]): void {
    const wanted = new Map<string, Set<string>>();
    for (const { tenantId, members } of tenants) {
      for (const { address, groups } of members) {
        for (const set of this.setsOf(tenantId, groups)) wanted.set(set, (wanted.get(set) ?? new Set()).add(address));
      }
    }
    for (const [set, before] of this.remote) {
      for (const address of before) if (!wanted.get(set)?.has(address)) this.rules.delete(set, address);
    }
    for (const [set, addresses] of wanted) for (const address of addresses) this.rules.add(set, address);
    this.remote = wanted;
  }

  /** The sets that a task's address is in, made if they are not there. */
  private setsOf(tenantId: string, groups: readonly string[]): string[] {
    const names = [tasksOf(tenantId), ...groups.map(membersOf)];
    for (const name of names) this.rules.ensureSet(name, addressType);
    return names;
  }

  private takePolicy({ tenantId, groups }: Member): Policy {
    if (!groups) return loosePolicy;
    const policy = policyOf(tenantId, groups);
    const entry = this.policies.get(policy.ingress) ?? { policy, users: 0 };
    this.policies.set(policy.ingress, { ...entry, users: entry.users + 1 });
    if (this.rules.hasChain(policy.ingress)) return policy;
    for (const { ingress, egress } of groups.map(groupChains)) {
      for (const chain of [ingress, egress]) if (!this.rules.hasChain(chain)) this.rules.setChain(chain, []);
    }
    const rules = policyRules(tenantId, groups);
    this.rules.setChain(policy.ingress, rules.ingress);
    this.rules.setChain(policy.egress, rules.egress);
    return policy;
  }

  private releasePolicy({ tenantId, groups }: Member): void {
    const entry = groups && this.policies.get(policyOf(tenantId, groups).ingress);
    if (entry) this.policies.set(entry.policy.ingress, { ...entry, users: entry.users - 1 });
  }

  private dropIdlePolicies(): void {
    for (const [name, { policy, users }] of this.policies) {
      if (users > 0) continue;
      this.policies.delete(name);
      this.rules.removeChain(policy.ingress);
      this.rules.removeChain(policy.egress);
    }
  }

  /** For chains that others fill: what of the host's own services tasks may reach, and how. */
  open(chain: Exclude<(typeof openChains)[number], 'underlay'>, rules: readonly string[]): void {
    this.rules.setChain(chain, rules);
  }
}

export const publishedKey = ({ protocol, hostPort }: Pick<AssignedPort, 'protocol' | 'hostPort'>) => `${protocol} . ${hostPort}`;
const openedKey = (address: string, { protocol, containerPort }: AssignedPort) => `${address} . ${protocol} . ${containerPort}`;
const limitName = ({ slot }: Member) => `rate_${slot}`;
