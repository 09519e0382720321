// What the firewall has to let through to the agent's services for containers, as nft(8) rules: name server and metadata
// on the bridge's own address, and nothing else of the host. The metadata's ports are reached by way of its link-local
// addresses only.
import { instanceMetadataAddress, taskMetadataAddress } from './guest-environment.js';

export const guestPorts = { dns: 53, taskMetadata: 51_172, instanceMetadata: 51_254 } as const;

/** Into the chain that decides what of the host tasks may open a connection to. */
export function guestServices(gateway: string): string[] {
  const { dns, taskMetadata, instanceMetadata } = guestPorts;
  return [
    `ip daddr ${gateway} meta l4proto { tcp, udp } th dport ${dns} accept`,
    `ip daddr ${gateway} tcp dport { ${taskMetadata}, ${instanceMetadata} } ct status dnat accept`,
  ];
}

/** Into the chain that changes where packets of tasks go. */
export function guestRedirects(gateway: string): string[] {
  return [
    `ip daddr ${taskMetadataAddress} tcp dport 80 dnat ip to ${gateway}:${guestPorts.taskMetadata}`,
    `ip daddr ${instanceMetadataAddress} tcp dport 80 dnat ip to ${gateway}:${guestPorts.instanceMetadata}`,
  ];
}

/**
 * Before packets of known connections are let through: what one task may send to these services in a second. Whatever
 * is more is gone before the agent has to look at it, so that a flood costs the others nothing.
 */
export function guestLimits(gateway: string): string[] {
  const { dns, taskMetadata, instanceMetadata } = guestPorts;
  const perTask = (name: string, rate: string) => `meter ${name} { ip saddr limit rate over ${rate} packets } drop`;
  return [
    `ip daddr ${gateway} udp dport ${dns} ${perTask('guest_questions', '400/second burst 1200')}`,
    `ip daddr ${gateway} tcp dport { ${dns}, ${taskMetadata}, ${instanceMetadata} } ct state new ${perTask('guest_connections', '100/second burst 300')}`,
  ];
}

/** On packets that leave for a task: as on EC2, an answer goes no further than to the one who asked (a hop limit of 1). */
export function guestHopLimit(bridge: string): string {
  return `oifname "${bridge}" tcp sport ${guestPorts.instanceMetadata} ip ttl set 1`;
}
