// What there is of an instance on this machine, kind by kind, as the kernel and the file system have it. Compared before
// and after, it shows what was left behind.
import { readdirSync } from 'node:fs';
import { crunStates } from './process-watch.js';

interface Place {
  readonly instance: string;
  readonly dataDirectory: string;
  /** Runs a shell command in the instance's mount namespace. */
  sh(script: string): Promise<string>;
}

export type Leftovers = Readonly<Record<string, number>>;

/** Logs of ended tasks, images and what the instance itself needs (bridge, tables) are no leftovers. */
export async function leftoversOf({ instance, dataDirectory, sh }: Place): Promise<Leftovers> {
  const run = `/run/${instance}`;
  const count = async (script: string) => Number(await sh(`{ ${script}; } 2>/dev/null | wc -l`));
  return {
    mounts: await count(`grep ' ${run}/[a-z]*/' /proc/self/mountinfo`),
    namespaces: await count(`grep ' nsfs ' /proc/self/mountinfo | grep ${run}/`),
    interfaces: await count(`ls /sys/class/net | grep '^${instance}v'`),
    firewall: await count(
      `for family in inet bridge; do nft list table $family ${instance}; done | tr ',' '\\n' | grep '${instance}v[0-9]'`,
    ),
    counters: await count(`nft list counters table ip ${instance} | grep sent_`),
    controlGroups: await count(`find /sys/fs/cgroup -mindepth 2 -maxdepth 5 -type d -path '*/${instance}/*'`),
    loopDevices: await count(`losetup --list --noheadings --output BACK-FILE | grep '^${dataDirectory}/'`),
    taskFiles: await count(`find ${run}/tasks ${run}/exits -mindepth 1`),
    slots: await count(`ls ${run}/slots`),
    crunStates: crunStates(instance).length,
  };
}

/** How many files a process has open. */
export function openFiles(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}
