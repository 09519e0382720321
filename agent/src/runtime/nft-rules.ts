// The firewall of one instance as nft(8) text. A task's rules are one element of a set, never a chain of its own, so
// that their cost doesn't grow with the number of tasks.
export interface Port {
  readonly veth: string;
  readonly mac: string;
  readonly address: string;
}

/**
 * Tasks reach what lies behind the host's other interfaces, by NAT, and nothing else: not each other, not the host
 * itself (nor what listens on its loopback), not link-local addresses, where clouds answer with credentials.
 * Text that makes the tables new whether or not they were there.
 */
export function tablesText(table: string, bridge: string, vethPrefix: string, subnet: string): string {
  return `
add table inet ${table}
delete table inet ${table}
add table bridge ${table}
delete table bridge ${table}
table inet ${table} {
  chain forward {
    type filter hook forward priority filter - 10; policy accept;
    iifname "${bridge}" oifname "${bridge}" drop
    iifname "${bridge}" ip daddr { 169.254.0.0/16, 127.0.0.0/8, 224.0.0.0/4 } drop
    iifname "${bridge}" ip saddr != ${subnet} drop
    oifname "${bridge}" ct state established,related accept
    oifname "${bridge}" drop
  }
  chain input {
    type filter hook input priority filter - 10; policy accept;
    iifname "${bridge}" ct state established,related accept
    iifname "${bridge}" drop
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr ${subnet} oifname != "${bridge}" masquerade
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
`;
}

export function addPortsText(table: string, ports: readonly Port[]): string {
  return ports.map((port) => `add element bridge ${table} ports { ${element(port)} }\n`).join('');
}

/** Adding before deleting makes it no error if one is gone already: nft's transactions are all or nothing. */
export function removePortsText(table: string, ports: readonly Port[]): string {
  return ports
    .map((port) => `add element bridge ${table} ports { ${element(port)} }\ndelete element bridge ${table} ports { ${element(port)} }\n`)
    .join('');
}

export function removeTablesText(table: string): string {
  return ['inet', 'bridge'].map((family) => `add table ${family} ${table}\ndelete table ${family} ${table}\n`).join('');
}

function element(port: Port): string {
  return `"${port.veth}" . ${port.mac} . ${port.address}`;
}
