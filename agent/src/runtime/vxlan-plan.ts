// The overlay that carries packets between hosts, as input for ip(8) and bridge(8). Every host has one VXLAN device and
// routes the others' subnets through it. Nothing is learned and nothing is flooded: where a subnet is and behind which
// address comes from the control plane's table alone.
import { type HostEntry, macOf } from '@berth/contract';
import { parseSubnet } from './addresses.js';

export interface Tunnel {
  readonly device: string;
  readonly vni: number;
  readonly port: number;
  /** This host's own address among the hosts. */
  readonly underlay: string;
}

/** What a packet loses to the outer headers: 20 IP, 8 UDP, 8 VXLAN, 14 Ethernet. */
export const vxlanOverheadBytes = 50;

/** Unlike the bridge's own in its first bytes. */
const tunnelMac = (gateway: string) => macOf(gateway).replace(/^0a:58/, '0a:56');

/**
 * Hosts on this very machine (tests have such) need no overlay, and a route through one would take theirs away. A subnet
 * that can't be used is left out.
 */
export function reachable(hosts: readonly HostEntry[], underlay: string): HostEntry[] {
  return hosts.filter(({ subnet, underlay: theirs }) => theirs !== underlay && isUsable(subnet));
}

function isUsable(cidr: string): boolean {
  try {
    parseSubnet(cidr);
    return true;
  } catch {
    return false;
  }
}

/** Makes the device anew. @param gateway the bridge's address here; @param mtuBytes of packets inside */
export function deviceBatch({ device, vni, port, underlay }: Tunnel, gateway: string, mtuBytes: number): string {
  return [
    `link add ${device} address ${tunnelMac(gateway)} mtu ${mtuBytes} type vxlan id ${vni} dstport ${port} local ${underlay} nolearning`,
    `link set ${device} addrgenmode none`,
    `link set ${device} up`,
    '',
  ].join('\n');
}

export interface PeerBatches {
  readonly ip: string;
  readonly bridge: string;
}

/** @param gateway the bridge's address here: what the host itself sends to tasks elsewhere comes from it. */
export function peerBatches(device: string, gateway: string, added: readonly HostEntry[], removed: readonly HostEntry[]): PeerBatches {
  const away = removed.map((host) => ({ ...host, gateway: parseSubnet(host.subnet).gateway }));
  const here = added.map((host) => ({ ...host, gateway: parseSubnet(host.subnet).gateway }));
  const lines = (parts: readonly string[]) => parts.map((line) => `${line}\n`).join('');
  return {
    ip: lines([
      ...away.map(({ subnet }) => `route del ${subnet} dev ${device}`),
      ...away.map((peer) => `neigh del ${peer.gateway} dev ${device}`),
      ...here.map((peer) => `neigh replace ${peer.gateway} lladdr ${tunnelMac(peer.gateway)} dev ${device} nud permanent`),
      ...here.map((peer) => `route replace ${peer.subnet} via ${peer.gateway} dev ${device} src ${gateway} onlink`),
    ]),
    bridge: lines([
      ...away.map((peer) => `fdb del ${tunnelMac(peer.gateway)} dev ${device} dst ${peer.underlay} self`),
      ...here.map((peer) => `fdb replace ${tunnelMac(peer.gateway)} dev ${device} dst ${peer.underlay} self permanent`),
    ]),
  };
}

/** Hosts by what the kernel is told of them: one whose address changed is another one. */
export function changesOf(before: readonly HostEntry[], after: readonly HostEntry[]): { added: HostEntry[]; removed: HostEntry[] } {
  const key = ({ subnet, underlay }: HostEntry) => `${subnet} ${underlay}`;
  const [had, has] = [new Set(before.map(key)), new Set(after.map(key))];
  return { added: after.filter((host) => !had.has(key(host))), removed: before.filter((host) => !has.has(key(host))) };
}
