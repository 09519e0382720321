// Carries out the overlay's plan. The device is there only while there is another host, and is made anew by each life of
// the agent: what an earlier one told the kernel is then nobody's to remember.
import { existsSync } from 'node:fs';
import type { HostEntry, NetworkState } from '@berth/contract';
import type { Subnet } from './addresses.js';
import { mustRun } from './programs.js';
import { changesOf, deviceBatch, peerBatches, reachable, type Tunnel } from './vxlan-plan.js';

const timeoutMs = 30_000;

export interface Overlay {
  /** Brings device, routes and neighbours up to what the control plane says. */
  apply(state: Pick<NetworkState, 'overlay' | 'hosts'>): Promise<void>;
  tearDown(): Promise<void>;
}

/** @param underlay this host's address among the hosts; null: it has none and takes no part. */
export function overlay(device: string, subnet: Subnet, underlay: string | null, mtuBytes: number): Overlay {
  let tunnel: Tunnel | null = null;
  let peers: readonly HostEntry[] = [];

  const tearDown = async () => {
    tunnel = null;
    peers = [];
    if (existsSync(`/proc/sys/net/ipv4/conf/${device}`)) await mustRun('ip', ['link', 'del', device], { timeoutMs });
  };

  const batch = (program: 'ip' | 'bridge', input: string) =>
    // Forced, because a route or a neighbour may have gone by itself, which is what was wanted.
    input === '' ? Promise.resolve('') : mustRun(program, ['-force', '-batch', '-'], { timeoutMs, input });

  return {
    apply: async ({ overlay: wanted, hosts }) => {
      const others = underlay === null || !wanted ? [] : reachable(hosts, underlay);
      if (underlay === null || !wanted || others.length === 0) return tearDown();
      const next = { device, ...wanted, underlay };
      if (tunnel?.vni !== next.vni || tunnel.port !== next.port) {
        await tearDown();
        await mustRun('ip', ['-batch', '-'], { timeoutMs, input: deviceBatch(next, subnet.gateway, mtuBytes) });
        tunnel = next;
      }
      const { added, removed } = changesOf(peers, others);
      const lines = peerBatches(device, subnet.gateway, added, removed);
      try {
        await batch('bridge', lines.bridge);
        await batch('ip', lines.ip);
        peers = others;
      } catch (error) {
        // Half of it may be done: begin anew with the next state.
        await tearDown().catch(() => {});
        throw error;
      }
    },
    tearDown,
  };
}
