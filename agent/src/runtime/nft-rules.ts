// The firewall of one instance as nft(8) text: what is the same whatever tasks there are. A task is elements of its
// sets and maps, never a chain of its own, so that a packet costs the same however many tasks there are.
//
// A connection to be opened by a task passes `egress`, one to be opened to a task passes `ingress`; between two tasks of
// a host it has to pass both. Packets of connections that were let through pass by the first rule.
import { guestHopLimit, guestLimits } from '../guest/guest-rules.js';

export interface Port {
  readonly veth: string;
  readonly mac: string;
  readonly address: string;
}

export interface TableNames {
  readonly table: string;
  readonly bridge: string;
  readonly overlay: string;
  readonly vethPrefix: string;
}

/** The sets and maps that the text below declares. */
export const inetSets = [
  'task_networks',
  'peers',
  'guarded_networks',
  'guarded_services',
  'opened',
  'published',
  'rates',
  'egress_of',
  'ingress_of',
] as const;
export const bridgeSets = ['ports'] as const;
export const countingSets = ['sent_by'] as const;

/** Chains for rules that come and go: see `setChain`. */
export const openChains = ['services', 'redirects', 'underlay'] as const;

/**
 * Tasks reach what their groups let them reach beyond the host's other interfaces, by NAT, and other tasks; never the
 * host itself (but for what `services` lets in), nor what listens on its loopback, nor link-local addresses, where
 * clouds answer with credentials. Text that makes the tables new whether or not they were there; all but the one of family
 * `ip`, for what its counters have counted must outlive the agent.
 * @param subnet of this host's tasks; @param gateway the bridge's address in it
 */
export function tablesText({ table, bridge, overlay, vethPrefix }: TableNames, subnet: string, gateway: string): string {
  return `
add table inet ${table}
delete table inet ${table}
add table bridge ${table}
delete table bridge ${table}
table inet ${table} {
  set task_networks { type ipv4_addr; flags interval; }
  set peers { type ipv4_addr; }
  set guarded_networks { type ipv4_addr; flags interval; }
  set guarded_services { type ipv4_addr . inet_service; flags interval; }
  set opened { type ipv4_addr . inet_proto . inet_service; }
  map published { type inet_proto . inet_service : ipv4_addr . inet_service; }
  map rates { type ipv4_addr : limit; }
  map egress_of { type ipv4_addr : verdict; }
  map ingress_of { type ipv4_addr : verdict; }
  chain services { }
  chain redirects { }
  chain underlay { }

  chain egress {
    type filter hook forward priority filter - 10; policy accept;
    iifname "${overlay}" ip saddr ${subnet} drop
    iifname "${overlay}" ip saddr != @task_networks drop
    iifname "${overlay}" oifname != "${bridge}" drop
    iifname != "${bridge}" accept
    limit name ip saddr map @rates drop
    ct state established,related accept
    ct state invalid drop
    ip saddr != ${subnet} drop
    ip daddr { 0.0.0.0/8, 127.0.0.0/8, 169.254.0.0/16, 224.0.0.0/3 } drop
    ip daddr @task_networks oifname != { "${bridge}", "${overlay}" } drop
    ip daddr @peers drop
    ip daddr @guarded_networks drop
    meta l4proto { tcp, udp } ip daddr . th dport @guarded_services drop
    ip saddr vmap @egress_of
    drop
  }
  chain ingress {
    type filter hook forward priority filter - 9; policy accept;
    oifname != "${bridge}" accept
    ct state established,related accept
    iifname != { "${bridge}", "${overlay}" } ip saddr @task_networks drop
    ip daddr vmap @ingress_of
    drop
  }
  chain input {
    type filter hook input priority filter - 10; policy accept;
    jump underlay
    iifname "${overlay}" drop
    iifname != "${bridge}" accept
    ${guestLimits(gateway).join('\n    ')}
    ct state established,related accept
    jump services
    drop
  }
  chain output {
    type filter hook output priority filter - 10; policy accept;
    oifname "${bridge}" icmp type redirect drop
    ${guestHopLimit(bridge)}
  }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    iifname "${overlay}" return
    iifname "${bridge}" jump redirects
    iifname "${bridge}" ip daddr { ${gateway}, 169.254.0.0/16 } return
    fib daddr type local dnat ip to meta l4proto . th dport map @published
  }
  chain local_out {
    type nat hook output priority -100; policy accept;
    fib daddr type local dnat ip to meta l4proto . th dport map @published
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr ${subnet} oifname != { "${bridge}", "${overlay}" } masquerade
    ip saddr 127.0.0.0/8 oifname "${bridge}" masquerade
  }
}
table bridge ${table} {
  set ports {
    type ifname . ether_addr . ipv4_addr
  }
  chain from_tasks {
    type filter hook prerouting priority filter - 10; policy accept;
    iifname != "${vethPrefix}*" accept
    ether type ip iifname . ether saddr . ip saddr @ports accept
    ether type arp iifname . arp saddr ether . arp saddr ip != @ports drop
    ether type arp iifname . ether saddr . arp saddr ip @ports accept
    drop
  }
}
${countingText({ table, bridge, overlay })}`;
}

/** What a task sends to the outside, by its address: behind all that may drop it, and before its address is replaced. */
function countingText({ table, bridge, overlay }: Pick<TableNames, 'table' | 'bridge' | 'overlay'>): string {
  return `
add table ip ${table}
add map ip ${table} sent_by { type ipv4_addr : counter; }
flush map ip ${table} sent_by
add chain ip ${table} count { type filter hook forward priority filter + 10; policy accept; }
flush chain ip ${table} count
add rule ip ${table} count iifname "${bridge}" oifname != { "${bridge}", "${overlay}" } counter name ip saddr map @sent_by
`;
}

const counterPrefix = 'sent_';

/** Of one task; its id makes that no other task’s bytes are ever taken for its own. */
export function counterOf(taskId: string): string {
  return counterPrefix + taskId.replaceAll('-', '');
}

export function removeTablesText(table: string): string {
  return ['inet', 'bridge', 'ip'].map((family) => `add table ${family} ${table}\ndelete table ${family} ${table}\n`).join('');
}

export function portElement(port: Port): string {
  return `"${port.veth}" . ${port.mac} . ${port.address}`;
}
