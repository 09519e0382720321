import type { NetworkState, WireRule } from '@berth/contract';
import { describe, expect, it } from 'vitest';
import { FirewallModel, type Member } from './nft-model.js';

const [group, secondGroup, tenantId] = [
  '11111111-1111-4111-8111-111111111111',
  '22222222-2222-4222-8222-222222222222',
  '33333333-3333-4333-8333-333333333333',
];
const groupHex = group.replaceAll('-', '');
const member = (slot: number, more: Partial<Member> = {}): Member => ({
  ...{ slot, address: `10.66.0.${slot + 2}`, tenantId, groups: [group], publishedOpen: false, ports: [], mbps: null },
  ...more,
});
const rule = (peer: WireRule['peer'], more: Partial<WireRule> = {}): WireRule => ({
  protocol: 'all',
  fromPort: null,
  toPort: null,
  peer,
  ...more,
});
const state = (ingress: WireRule[], more: Partial<NetworkState> = {}): NetworkState => ({
  ...{ subnet: null, taskNetwork: null, overlay: null, hosts: [], guarded: [] },
  tenants: [{ tenantId, groups: [{ id: group, ingress, egress: [] }], members: [] }],
  ...more,
});
const model = () => {
  const made = new FirewallModel('t', 'SKELETON\n', '10.66.0.0/22');
  made.rules.whole();
  return made;
};

describe('the firewall', () => {
  it('takes as many lines for a task among 500 as for the first with its groups', () => {
    const firewall = model();
    firewall.setState(state([rule({ groupId: group })]));
    firewall.join(member(0));
    firewall.rules.takeChanges();
    const linesOf = (slot: number) => {
      firewall.join(member(slot));
      return firewall.rules.takeChanges().split('\n').length;
    };
    const second = linesOf(1);
    for (let slot = 2; slot < 500; slot++) firewall.join(member(slot));
    firewall.rules.takeChanges();
    expect([second, linesOf(500)]).toEqual([5, 5]);
  });

  it('has the same content after a task has come and gone', () => {
    const firewall = model();
    firewall.setState(state([]));
    firewall.join(member(0));
    const before = firewall.rules.whole();
    firewall.join(member(1, { mbps: 10, publishedOpen: true, ports: [{ containerPort: 80, hostPort: 20_000, protocol: 'tcp' }] }));
    firewall.leave(1);
    firewall.leave(1);
    expect(firewall.rules.whole()).toBe(before);
  });

  it('shuts out other tenants before any group is asked', () => {
    const firewall = model();
    firewall.join(member(0));
    const policy = firewall.rules
      .whole()
      .split('\n')
      .filter((line) => /^add rule inet t policy_in_(?!loose)/.test(line));
    expect(policy.map((line) => line.split(' ').slice(5).join(' '))).toEqual([
      `ip saddr @task_networks ip saddr != @tenant_${tenantId.replaceAll('-', '')} drop`,
      'ip daddr . meta l4proto . th dport @opened accept',
      `jump in_${groupHex}`,
      'drop',
    ]);
  });

  it.each([
    [rule({ cidr: '0.0.0.0/0' }), 'accept'],
    [rule({ cidr: '203.0.113.0/24' }, { protocol: 'tcp' }), 'ip saddr 203.0.113.0/24 meta l4proto tcp accept'],
    [
      rule({ groupId: secondGroup }, { protocol: 'udp', fromPort: 53, toPort: 53 }),
      `ip saddr @members_${secondGroup.replaceAll('-', '')} udp dport 53 accept`,
    ],
    [rule({ cidr: '10.0.0.0/8' }, { protocol: 'tcp', fromPort: 80, toPort: 90 }), 'ip saddr 10.0.0.0/8 tcp dport 80-90 accept'],
    [rule({ cidr: '10.0.0.0/8' }, { protocol: 'icmp' }), 'ip saddr 10.0.0.0/8 meta l4proto icmp accept'],
  ])('puts a rule as nft has it %#', (wanted, expected) => {
    const firewall = model();
    firewall.setState(state([wanted]));
    expect(firewall.rules.whole()).toContain(`add rule inet t in_${groupHex} ${expected}\n`);
  });

  it('knows a group once its rules have come, and no longer than they are told', () => {
    const firewall = model();
    firewall.join(member(0));
    expect(firewall.knows([group])).toBe(false);
    firewall.setState(state([rule({ cidr: '0.0.0.0/0' })]));
    expect(firewall.knows([group])).toBe(true);
    firewall.setState(state([], { tenants: [] }));
    expect(firewall.knows([group])).toBe(false);
    expect(firewall.rules.whole()).not.toContain(`add rule inet t in_${groupHex}`);
  });

  it('has tasks of other hosts in their groups until it is told otherwise, and those of its own all the time', () => {
    const firewall = model();
    firewall.join(member(0));
    const members = [{ address: '10.66.4.7', groups: [group] }];
    firewall.setState(state([], { tenants: [{ tenantId, groups: [], members }] }));
    expect([...firewall.rules.keys(`members_${groupHex}`)].sort()).toEqual(['10.66.0.2', '10.66.4.7']);
    firewall.setState(state([], { tenants: [{ tenantId, groups: [], members: [] }] }));
    expect(firewall.rules.keys(`members_${groupHex}`)).toEqual(['10.66.0.2']);
  });

  it('counts what a task sends under the name of the task, through a second joining and a new table', () => {
    const firewall = model();
    const counted = member(0, { taskId: '44444444-4444-4444-8444-444444444444', mbps: 10 });
    const counter = 'sent_44444444444444448444444444444444';
    firewall.join(counted);
    const first = firewall.rules.takeChanges();
    expect(first).toContain(`add counter ip t ${counter}\n`);
    expect(first).toContain(`add element ip t sent_by { 10.66.0.2 : "${counter}" }\n`);
    firewall.join(counted);
    // The kernel refuses to delete what an element names, and with it the whole transaction.
    expect(firewall.rules.takeChanges()).not.toMatch(/delete (counter|limit)/);
    expect(firewall.rules.whole()).toContain(`add counter ip t ${counter}\n`);
    firewall.leave(0);
    expect(firewall.rules.takeChanges()).toContain(`delete counter ip t ${counter}\n`);
    expect(firewall.rules.whole()).not.toContain('sent_4');
  });

  it('forgets counters of tasks that an earlier life of the agent had', () => {
    const firewall = model();
    firewall.join(member(0, { taskId: '44444444-4444-4444-8444-444444444444' }));
    firewall.rules.takeChanges();
    firewall.removeOtherCounters(['sent_44444444444444448444444444444444', 'sent_5']);
    expect(firewall.rules.takeChanges()).toBe('add counter ip t sent_5\ndelete counter ip t sent_5\n');
  });

  it('counts a network of hosts once, however it is told', () => {
    const firewall = model();
    const hosts = [{ hostId: 'h' as never, subnet: '10.66.4.0/22', underlay: '192.0.2.2' }];
    firewall.setState(state([], { taskNetwork: '10.66.0.0/16', hosts }));
    expect(firewall.rules.keys('task_networks')).toEqual(['10.66.0.0/16']);
  });
});
