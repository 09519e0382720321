// The host's side of the network: the bridge, the firewall, and the cables from the bridge to the sandboxes.
import { readFile, writeFile } from 'node:fs/promises';
import { macOf, type Subnet } from './addresses.js';
import { addPortsText, type Port, removePortsText, removeTablesText, tablesText } from './nft-rules.js';
import type { Paths } from './paths.js';
import { mustRun } from './programs.js';

const timeoutMs = 30_000;

export interface Network {
  /** Makes bridge and tables; tables are made anew, so ports that are in use are given. */
  setUp(inUse: readonly number[]): Promise<void>;
  /** Lays a cable to the network namespace of process `pid` for each slot; there it is called eth0. */
  attach(sandboxes: readonly { readonly slot: number; readonly pid: number }[]): Promise<void>;
  /** Takes cables and rules away. Missing ones are no error. */
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
      await nft(
        addPortsText(
          table,
          sandboxes.map(({ slot }) => portOf(slot)),
        ),
      );
      await ip(sandboxes.map(({ slot, pid }) => cableBatch(portOf(slot), pid, bridge)).join(''));
    },
    detach: async (slots) => {
      if (slots.length === 0) return;
      const present = [];
      for (const slot of slots) if (await exists(`/sys/class/net/${paths.slot(slot).veth}/ifindex`)) present.push(slot);
      if (present.length > 0) await ip(present.map((slot) => `link del ${paths.slot(slot).veth}\n`).join(''), true).catch(() => {});
      await nft(removePortsText(table, slots.map(portOf)));
    },
    tearDown: async () => {
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

async function exists(file: string): Promise<boolean> {
  return readFile(file).then(
    () => true,
    () => false,
  );
}
