// The host's side of the network: the bridge, the firewall, and the cables from the bridge to the sandboxes.
import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { macOf, type Subnet } from './addresses.js';
import { addPortsText, type Port, removePortsText, removeTablesText, tablesText } from './nft-rules.js';
import type { Paths } from './paths.js';
import { mustRun } from './programs.js';

const timeoutMs = 30_000;
const sweepDelayMs = 500;

export interface Network {
  /** Makes bridge and tables; tables are made anew, so ports that are in use are given. */
  setUp(inUse: readonly number[]): Promise<void>;
  /** Lays a cable to the network namespace of process `pid` for each slot; there it is called eth0. */
  attach(sandboxes: readonly { readonly slot: number; readonly pid: number }[]): Promise<void>;
  /**
   * Returns when the cables are gone, which go with the network namespaces. Their rules, which say nothing any more,
   * follow within a second: a run of `nft` for each task that ends would cost more than all the rest of its end.
   * Missing ones are no error.
   */
  detach(slots: readonly number[]): Promise<void>;
  tearDown(): Promise<void>;
}

export function network(paths: Paths, subnet: Subnet): Network {
  const { bridge, table } = paths;
  const ip = (batch: string, force = false) => mustRun('ip', [...(force ? ['-force'] : []), '-batch', '-'], { timeoutMs, input: batch });
  const nft = (text: string) => mustRun('nft', ['-f', '-'], { timeoutMs, input: text });
  const portOf = (slot: number): Port => {
    const address = subnet.addressOf(slot);
    return { veth: paths.slot(slot).veth, mac: macOf(address), address };
  };

  const stale = new Set<number>();
  let sweeping: NodeJS.Timeout | null = null;

  /** The rules of cables that are gone, as text that removes them, together with what else is to be done. */
  const withSweep = async (more: string): Promise<void> => {
    if (sweeping) clearTimeout(sweeping);
    sweeping = null;
    const slots = [...stale];
    stale.clear();
    try {
      await nft(removePortsText(table, slots.map(portOf)) + more);
    } catch (error) {
      for (const slot of slots) stale.add(slot);
      throw error;
    }
  };
  const sweepLater = () => {
    sweeping ??= setTimeout(() => withSweep('').catch(sweepLater), sweepDelayMs).unref();
  };

  return {
    setUp: async (inUse) => {
      if (!(await exists(`/sys/class/net/${bridge}/bridge/bridge_id`))) {
        await ip(`link add ${bridge} type bridge forward_delay 0 stp_state 0\nlink set ${bridge} address ${macOf(subnet.gateway)}\n`);
      }
      await ip(
        `link set ${bridge} addrgenmode none\naddr replace ${subnet.gateway}/${subnet.prefixLength} dev ${bridge}\nlink set ${bridge} up\n`,
      );
      await writeFile(`/proc/sys/net/ipv4/conf/${bridge}/send_redirects`, '0');
      await writeFile('/proc/sys/net/ipv4/ip_forward', '1');
      await nft(tablesText(table, bridge, paths.vethPrefix, subnet.cidr) + addPortsText(table, inUse.map(portOf)));
    },
    attach: async (sandboxes) => {
      // The rules come first: a cable without them would carry nothing, but never too much.
      for (const { slot } of sandboxes) stale.delete(slot);
      const ports = sandboxes.map(({ slot }) => portOf(slot));
      await withSweep(addPortsText(table, ports));
      await ip(sandboxes.map(({ slot, pid }) => cableBatch(portOf(slot), pid, bridge)).join(''));
    },
    detach: async (slots) => {
      if (slots.length === 0) return;
      await Promise.all(slots.map((slot) => untilGone(paths.slot(slot).veth).catch(() => ip(`link del ${paths.slot(slot).veth}\n`, true))));
      for (const slot of slots) stale.add(slot);
      sweepLater();
    },
    tearDown: async () => {
      if (sweeping) clearTimeout(sweeping);
      await nft(removeTablesText(table));
      if (await exists(`/sys/class/net/${bridge}/ifindex`)) await ip(`link del ${bridge}\n`);
    },
  };
}

/** `isolated` keeps ports from talking to each other, so tasks meet only the bridge's own address. */
function cableBatch(port: Port, pid: number, bridge: string): string {
  return [
    `link add ${port.veth} type veth peer name eth0 address ${port.mac} netns ${pid}`,
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
    if (!(await exists(`/sys/class/net/${link}/ifindex`))) return;
    await sleep(vanishPauseMs);
  }
  throw new Error(`${link} did not go with its namespace`);
}

async function exists(file: string): Promise<boolean> {
  return readFile(file).then(
    () => true,
    () => false,
  );
}
