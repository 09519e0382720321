// Makes and removes sandboxes: what the containers of a task share. One is a user namespace with ids of its own, a
// network namespace owned by it, with an address, and a disk.
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { limits } from '@berth/contract';
import { idRangeOf, type Subnet } from './addresses.js';
import type { Disks } from './disk.js';
import { configureInside } from './inside-network.js';
import { mountsBelow } from './mounts-below.js';
import type { Network } from './network.js';
import type { Paths } from './paths.js';
import { namesIn } from './records.js';
import { mount, mountFlags, unmountAside } from './syscalls.js';

/**
 * One program for a whole batch: a shell that has a child per sandbox. Each says its pid from inside its new
 * namespaces and holds them until they are pinned and standard input is closed. A static busybox, if there is one, is
 * the shell: it is these programs itself, and starts in half the time.
 */
const holdersScript = `exec 3<&0
i=0
while [ $i -lt "$1" ]; do
  unshare -U -n sh -c 'echo $$; read -r _' <&3 &
  i=$((i + 1))
done
wait`;

const holdersTimeoutMs = 20_000;

export interface SandboxMaker {
  /** All of them, or none: after an error nothing is left of any. */
  make(slots: readonly number[]): Promise<void>;
  /** Gives the slot's interface its address again: a gVisor sandbox takes it off, and leaves it so. */
  addressInside(slot: number): void;
  /** Safe for slots that were made in part or not at all. No process may be left in their namespaces. */
  remove(slots: readonly number[]): Promise<void>;
  /** Slots of which anything is there. */
  present(): number[];
}

export function sandboxMaker(
  paths: Paths,
  net: Network,
  disks: Disks,
  subnet: Subnet,
  { uidBase, toolbox }: { readonly uidBase: number; readonly toolbox: string | null },
): SandboxMaker {
  const remove = async (slots: readonly number[]) => {
    await Promise.all(slots.map((slot) => removeFiles(paths, disks, slot)));
    await net.detach(slots);
  };
  const addressInside = (slot: number) => {
    const { prefixLength, gateway } = subnet;
    configureInside(paths.slot(slot).net, { address: subnet.addressOf(slot), prefixLength, gateway });
  };
  return {
    addressInside,
    make: async (slots) => {
      const holders = startHolders(slots.length, toolbox);
      try {
        const pids = await holders.pids;
        const sandboxes = slots.map((slot, index) => ({ slot, pid: pids[index] as number }));
        for (const { slot, pid } of sandboxes) pin(paths, slot, pid, uidBase);
        for (const slot of slots) await disks.make(paths.slot(slot), limits.ephemeralStorageMiB.default);
        await net.attach(sandboxes);
        for (const slot of slots) addressInside(slot);
      } catch (error) {
        // First, because namespaces live as long as a process is in them.
        await holders.end();
        await remove(slots);
        throw error;
      }
      await holders.end();
    },
    remove,
    present: () => slotsIn(paths),
  };
}

/** A reboot leaves of a slot only the file of its disk. */
function slotsIn(paths: Paths): number[] {
  const names = [...readdirSync(paths.slots), ...namesIn(paths.disks).map((name) => name.replace(/\.img$/, ''))];
  return [...new Set(names.map(Number).filter(Number.isInteger))];
}

function startHolders(count: number, toolbox: string | null): { pids: Promise<number[]>; end: () => Promise<void> } {
  const [program, ...applet] = toolbox ? [toolbox, 'sh'] : ['sh'];
  const args = [...applet, '-c', holdersScript, 'berth-sandboxes', String(count)];
  const child = spawn(program as string, args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  const kill = () => {
    if (child.pid && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
  };
  const timer = setTimeout(kill, holdersTimeoutMs);
  let said = '';
  child.stdin.on('error', () => {});
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-1000);
  });
  const ended = new Promise<void>((resolve) => {
    child.once('error', () => resolve());
    child.once('close', () => resolve());
  });
  const pids = new Promise<number[]>((resolve, reject) => {
    let lines = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      lines += text;
      const found = lines.split('\n').slice(0, -1).map(Number);
      if (found.length === count) resolve(found);
    });
    void ended.then(() => reject(new Error(`no user and network namespaces could be made: ${said.trim() || 'no answer in time'}`)));
  });
  pids.catch(() => {});
  return {
    pids,
    end: async () => {
      child.stdin.end();
      await ended;
      clearTimeout(timer);
    },
  };
}

/** Names the network namespace by a file, which keeps both without a process, and gives the user namespace its ids. */
function pin(paths: Paths, slot: number, pid: number, uidBase: number): void {
  const at = paths.slot(slot);
  const ids = idRangeOf(slot, uidBase);
  for (const map of ['uid_map', 'gid_map']) writeFileSync(`/proc/${pid}/${map}`, `0 ${ids.first} ${ids.size}\n`);
  mkdirSync(at.directory, { recursive: true });
  writeFileSync(at.net, '');
  mount(`/proc/${pid}/ns/net`, at.net, '', mountFlags.bind);
}

async function removeFiles(paths: Paths, disks: Disks, slot: number): Promise<void> {
  const at = paths.slot(slot);
  await disks.remove(at);
  await unmountAside(at.net);
  try {
    rmSync(at.directory, { recursive: true, force: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error;
    // An agent of another version has mounted more.
    for (const target of mountsBelow(at.directory)) await unmountAside(target);
    rmSync(at.directory, { recursive: true, force: true });
  }
}
