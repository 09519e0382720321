// The host's side of the network: the bridge, the firewall, the cables from the bridge to the sandboxes, the tasks'
// places in it, and the way to other hosts. What the firewall says is decided in nft-model.ts.
import { access, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { macOf, type NetworkState } from '@berth/contract';
import type { Subnet } from './addresses.js';
import { openNft } from './nft.js';
import { counterNames, readCounters } from './nft-counters.js';
import { FirewallModel, type Member } from './nft-model.js';
import { type Port, removeTablesText, tablesText } from './nft-rules.js';
import type { Paths } from './paths.js';
import { mustRun } from './programs.js';
import { shapeLine } from './rates.js';
import { overlay } from './vxlan.js';
import { vxlanOverheadBytes } from './vxlan-plan.js';

const timeoutMs = 30_000;
const sweepDelayMs = 500;
/** A packet of this size still fits into the underlay's 1500 bytes when it goes to another host. */
export const mtuBytes = 1500 - vxlanOverheadBytes;

export interface Network {
  readonly subnet: string;
  /** Makes bridge and tables; tables are made anew, with the ports and tasks that are there. */
  setUp(inUse: readonly number[], members: readonly Member[], state: NetworkState | null): Promise<void>;
  /** Lays a cable to the network namespace of process `pid` for each slot; there it is called eth0. */
  attach(sandboxes: readonly { readonly slot: number; readonly pid: number }[]): Promise<void>;
  /**
   * Returns when the cables are gone, which go with the network namespaces. Their rules, which say nothing any more,
   * follow within a second, those of many tasks in one transaction.
   * Missing ones are no error.
   */
  detach(slots: readonly number[]): Promise<void>;
  /** Gives a task its groups, ports and rate. Tasks that come at the same time share one transaction. */
  join(member: Member): Promise<void>;
  /** The task of this slot has no process any more. Its rules go within a second. Safe twice. */
  leave(slot: number): void;
  /**
   * Bytes that each task has sent to the outside since it joined, by the name of its counter (`counterOf`), as far as there
   * are such. An agent's death changes nothing in them; who throws away the host's tables begins them anew.
   */
  sentBytes(counters: readonly string[]): ReadonlyMap<string, number>;
  readonly members: Pick<FirewallModel, 'knows' | 'hostPorts'>;
  /** Fills a chain for the host's own services: see nft-rules.ts. */
  open: FirewallModel['open'];
  /** What the control plane says of groups and hosts takes effect, whole. */
  setState(state: NetworkState): Promise<void>;
  tearDown(): Promise<void>;
}

/** @param underlay see vxlan.ts */
export function network(paths: Paths, subnet: Subnet, underlay: string | null): Network {
  const { bridge, table } = paths;
  const ip = (batch: string, force = false) => mustRun('ip', [...(force ? ['-force'] : []), '-batch', '-'], { timeoutMs, input: batch });
  const nft = openNft();
  const model = new FirewallModel(table, tablesText(paths, subnet.cidr, subnet.gateway), subnet.cidr);
  const tunnel = overlay(paths.overlay, subnet, underlay, mtuBytes);
  const portOf = (slot: number): Port => {
    const address = subnet.addressOf(slot);
    return { veth: paths.slot(slot).veth, mac: macOf(address), address };
  };

  let sweeping: NodeJS.Timeout | null = null;
  let running: Promise<void> | null = null;
  let next: Promise<void> | null = null;
  /** The kernel has something else than the model: a transaction was refused. */
  let astray = false;

  /** Resolves when everything that the model says now is in the kernel. Calls during a run share the next. */
  const commit = (): Promise<void> => {
    if (!running) {
      running = write().finally(() => {
        running = null;
      });
      return running;
    }
    next ??= running
      .catch(() => {})
      .then(() => {
        next = null;
        return commit();
      });
    return next;
  };

  const write = async (): Promise<void> => {
    if (sweeping) clearTimeout(sweeping);
    sweeping = null;
    // What comes in the same turn of the event loop goes together.
    await new Promise((resolve) => setImmediate(resolve));
    if (!astray && !model.rules.hasChanges) return;
    const text = astray ? model.rules.whole() : model.rules.takeChanges();
    astray = true;
    nft(text);
    astray = false;
  };
  const sweepLater = () => {
    sweeping ??= setTimeout(() => commit().catch(sweepLater), sweepDelayMs).unref();
  };

  return {
    subnet: subnet.cidr,
    members: model,
    open: (chain, rules) => model.open(chain, rules),
    setUp: async (inUse, members, state) => {
      if (!(await exists(bridge))) {
        await ip(`link add ${bridge} type bridge forward_delay 0 stp_state 0\n`);
      }
      await ip(bridgeBatch(bridge, subnet, (await mustRun('ip', ['-4', '-o', 'addr', 'show', 'dev', bridge], { timeoutMs })).trim()));
      await setSysctls(bridge);
      for (const slot of inUse) model.addPort(portOf(slot));
      for (const member of members) model.join(member);
      if (state) model.setState(state);
      astray = true;
      await commit();
      model.removeOtherCounters(counterNames(table));
      await commit();
      await tunnel.tearDown();
      // What fails here is tried again as soon as the control plane says the same: no reason not to begin.
      if (state) await tunnel.apply(state).catch(() => {});
    },
    attach: async (sandboxes) => {
      // The rules come first: a cable without them would carry nothing, but never too much.
      const ports = sandboxes.map(({ slot }) => portOf(slot));
      for (const port of ports) model.addPort(port);
      await commit();
      await ip(sandboxes.map(({ slot, pid }) => cableBatch(portOf(slot), pid, bridge)).join(''));
    },
    detach: async (slots) => {
      if (slots.length === 0) return;
      await Promise.all(slots.map((slot) => untilGone(paths.slot(slot).veth).catch(() => ip(`link del ${paths.slot(slot).veth}\n`, true))));
      for (const slot of slots) model.removePort(portOf(slot));
      sweepLater();
    },
    join: async (member) => {
      model.join(member);
      const shaped = member.mbps === null ? null : shapeLine(paths.slot(member.slot).veth, member.mbps);
      await Promise.all([commit(), shaped && mustRun('tc', ['-batch', '-'], { timeoutMs, input: shaped })]);
    },
    leave: (slot) => {
      model.leave(slot);
      sweepLater();
    },
    sentBytes: (counters) => readCounters(table, counters),
    setState: async (state) => {
      model.setState(state);
      await commit();
      await tunnel.apply(state);
    },
    tearDown: async () => {
      if (sweeping) clearTimeout(sweeping);
      await tunnel.tearDown();
      nft(removeTablesText(table));
      if (await exists(bridge)) await ip(`link del ${bridge}\n`);
    },
  };
}

/** An earlier life may have had another subnet; where it had the same, its address stays, for connections hang on it. */
function bridgeBatch(bridge: string, { gateway, prefixLength }: Subnet, before: string): string {
  const address = `${gateway}/${prefixLength}`;
  return [
    `link set ${bridge} addrgenmode none address ${macOf(gateway)} mtu ${mtuBytes}`,
    ...(before.includes(` ${address} `) && !before.includes('\n') ? [] : [`addr flush dev ${bridge}`, `addr add ${address} dev ${bridge}`]),
    `link set ${bridge} up`,
    '',
  ].join('\n');
}

/**
 * Ports of the bridge never talk to each other, so the host answers for every address of the subnet (proxy_arp_pvlan is
 * RFC 3069's, made for that) and routes what comes, past the firewall. Connections from the host's loopback to published
 * ports need route_localnet; what tasks send to 127.0.0.0/8 the firewall drops.
 */
async function setSysctls(bridge: string): Promise<void> {
  const device = `/proc/sys/net/ipv4/conf/${bridge}`;
  const values = { proxy_arp_pvlan: '1', send_redirects: '0', route_localnet: '1' };
  for (const [name, value] of Object.entries(values)) await writeFile(`${device}/${name}`, value);
  // By default the answer for another waits up to 0.8 s.
  await writeFile(`/proc/sys/net/ipv4/neigh/${bridge}/proxy_delay`, '0');
  await writeFile('/proc/sys/net/ipv4/ip_forward', '1');
}

/** `isolated` keeps ports from talking to each other, so tasks meet only the bridge's own address. */
function cableBatch(port: Port, pid: number, bridge: string): string {
  return [
    `link add ${port.veth} mtu ${mtuBytes} type veth peer name eth0 address ${port.mac} mtu ${mtuBytes} netns ${pid}`,
    `link set ${port.veth} addrgenmode none master ${bridge}`,
    `link set ${port.veth} type bridge_slave isolated on`,
    `link set ${port.veth} up`,
    '',
  ].join('\n');
}

const vanishTries = 100;
const vanishPauseMs = 20;

/** The kernel removes a cable with the namespace at its other end, a moment later, and cheaper than `ip` would. */
async function untilGone(link: string): Promise<void> {
  for (let attempt = 0; attempt < vanishTries; attempt++) {
    if (!(await exists(link))) return;
    await sleep(vanishPauseMs);
  }
  throw new Error(`${link} did not go with its namespace`);
}

/** By /proc, which shows the agent's own network namespace; /sys would show that of whoever has mounted it. */
function exists(link: string): Promise<boolean> {
  return access(`/proc/sys/net/ipv4/conf/${link}`).then(
    () => true,
    () => false,
  );
}
