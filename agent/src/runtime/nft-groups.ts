// Security groups as chains and sets. A group is two chains (who may connect to its tasks, and to whom they may) and a
// set of its tasks' addresses; a policy is the pair of chains that the tasks of one tenant with the same groups share.
import { createHash } from 'node:crypto';
import type { WireGroup, WireRule } from '@berth/contract';

export const addressType = 'type ipv4_addr';

const plain = (id: string) => id.replaceAll('-', '');

/** The set of the addresses of a group's tasks, on whichever host. */
export const membersOf = (groupId: string) => `members_${plain(groupId)}`;
/** The set of the addresses of all tasks of a tenant. */
export const tasksOf = (tenantId: string) => `tenant_${plain(tenantId)}`;
export const groupChains = (groupId: string) => ({ ingress: `in_${plain(groupId)}`, egress: `out_${plain(groupId)}` });

export interface Policy {
  readonly ingress: string;
  readonly egress: string;
}

export function policyOf(tenantId: string, groupIds: readonly string[]): Policy {
  const hash = createHash('sha256')
    .update([tenantId, ...[...groupIds].sort()].join())
    .digest('hex')
    .slice(0, 24);
  return { ingress: `policy_in_${hash}`, egress: `policy_out_${hash}` };
}

/** Groups that a group's rules name: their sets must be there before its chains. */
export function groupsNamedIn({ ingress, egress }: Pick<WireGroup, 'ingress' | 'egress'>): string[] {
  return [...ingress, ...egress].flatMap(({ peer }) => ('groupId' in peer ? [peer.groupId] : []));
}

export function groupRules(group: Pick<WireGroup, 'ingress' | 'egress'>): { ingress: string[]; egress: string[] } {
  return {
    ingress: group.ingress.map((rule) => ruleText(rule, 'saddr')),
    egress: group.egress.map((rule) => ruleText(rule, 'daddr')),
  };
}

function ruleText({ protocol, fromPort, toPort, peer }: WireRule, field: 'saddr' | 'daddr'): string {
  const who = 'groupId' in peer ? `ip ${field} @${membersOf(peer.groupId)} ` : peer.cidr.endsWith('/0') ? '' : `ip ${field} ${peer.cidr} `;
  return `${who}${protocolText(protocol, fromPort, toPort)}accept`;
}

function protocolText(protocol: WireRule['protocol'], fromPort: number | null, toPort: number | null): string {
  if (protocol === 'all') return '';
  if (protocol === 'icmp' || fromPort === null || toPort === null) return `meta l4proto ${protocol} `;
  return `${protocol} dport ${fromPort === toPort ? fromPort : `${fromPort}-${toPort}`} `;
}

/** Another tenant's task is neither reached nor let in, whatever the groups say. */
export function policyRules(tenantId: string, groupIds: readonly string[]): { ingress: string[]; egress: string[] } {
  const stranger = (field: string) => `ip ${field} @task_networks ip ${field} != @${tasksOf(tenantId)} drop`;
  return {
    ingress: [stranger('saddr'), published, ...groupIds.map((id) => `jump ${groupChains(id).ingress}`), 'drop'],
    egress: [stranger('daddr'), ...groupIds.map((id) => `jump ${groupChains(id).egress}`), 'drop'],
  };
}

const published = 'ip daddr . meta l4proto . th dport @opened accept';

/** Tasks without groups: they reach the world outside, and of it only what they publish is reached. */
export const looseRules = {
  ingress: ['ip saddr @task_networks drop', published, 'drop'],
  egress: ['ip daddr @task_networks drop', 'accept'],
};
