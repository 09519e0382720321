// Control groups on the host, versions 1 and 2: limits of tasks and containers, kills, and who ran out of memory.
// A task's group holds a group per container; crun makes the latter and this file sets the limits of both.
import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CgroupVersion, type Limits, oomKillsIn, settingsFor } from './cgroup-values.js';
import { readOrEmpty } from './records.js';

export const cgroupRoot = '/sys/fs/cgroup';
const cgroup2Magic = 0x63677270;
const controllers = ['cpu', 'memory', 'pids'] as const;

export interface Cgroups {
  readonly version: CgroupVersion;
  /** Sets limits of a task (`<instance>/<task>`) or a container, and makes the group if there is none. Null leaves as is. */
  limit(group: string, limits: Limits): void;
  /** Puts processes into a container's group that no OCI runtime has made, and makes it. */
  join(group: string, pids: readonly number[]): void;
  /** How often the kernel has killed a process of the group for want of memory. 0 if the group is gone. */
  oomKills(group: string): number;
  /**
   * Kills every process in the group and below it, and removes all of it. Safe if it isn't there.
   * @param children names of groups that are probably right below it: looking for them takes longer than removing them.
   */
  remove(group: string, children?: readonly string[]): Promise<void>;
  killAll(group: string): void;
  /** Text of a group's file; '' if the group, the file or, in v1, the controller's hierarchy isn't there. */
  read(controller: string, group: string, file: string): string;
  /** @throws what the kernel says to it, and ENOENT if there is no such file. */
  write(controller: string, group: string, file: string, text: string): void;
  /** Names of the groups right below `group`, in whatever hierarchy. */
  children(group: string): string[];
}

export function cgroups(): Cgroups {
  return statfsSync(cgroupRoot).type === cgroup2Magic ? cgroupsOf('v2', [cgroupRoot]) : cgroupsOf('v1', hierarchiesV1());
}

/** Directories of the v1 hierarchies, links such as cpu → cpu,cpuacct left out. */
function hierarchiesV1(): string[] {
  const entries = readdirSync(cgroupRoot, { withFileTypes: true });
  const found = entries.filter((entry) => entry.isDirectory()).map((entry) => join(cgroupRoot, entry.name));
  return found.filter((directory) => existsSync(join(directory, 'cgroup.procs')));
}

function cgroupsOf(version: CgroupVersion, hierarchies: readonly string[]): Cgroups {
  const directoryOf = (controller: string, group: string) =>
    version === 'v2' ? join(cgroupRoot, group) : join(cgroupRoot, controller, group);
  const directories = (group: string) => hierarchies.map((hierarchy) => join(hierarchy, group));
  const killAll = (group: string) => {
    // No more forks, or a fork bomb outruns the loop.
    writeQuietly(join(directoryOf('pids', group), 'pids.max'), '0');
    for (const pid of new Set(directories(group).flatMap(processesBelow))) killQuietly(pid);
    // In v1 a frozen process dies only when it is let go.
    if (version === 'v1') writeQuietly(join(directoryOf('freezer', group), 'freezer.state'), 'THAWED');
  };

  const make = (group: string) => {
    if (version === 'v2') enableControllers(group);
    for (const controller of controllers) mkdirSync(directoryOf(controller, group), { recursive: true });
  };

  return {
    version,
    limit: (group, limits) => {
      if (!controllers.every((controller) => existsSync(directoryOf(controller, group)))) make(group);
      for (const setting of settingsFor(version, limits)) {
        const file = join(directoryOf(setting.controller, group), setting.file);
        if (setting.optional && !existsSync(file)) continue;
        writeFileSync(file, setting.value);
      }
    },
    join: (group, pids) => {
      // A new group of cpuset has no CPUs, and takes no process before it was given some.
      for (const directory of directories(group).filter((path) => !path.startsWith(join(cgroupRoot, 'cpuset')))) {
        mkdirSync(directory, { recursive: true });
        for (const pid of pids) writeFileSync(join(directory, 'cgroup.procs'), String(pid));
      }
    },
    oomKills: (group) =>
      oomKillsIn(readOrEmpty(join(directoryOf('memory', group), version === 'v2' ? 'memory.events' : 'memory.oom_control'))),
    killAll,
    read: (controller, group, file) => readOrEmpty(join(directoryOf(controller, group), file)),
    write: (controller, group, file, text) => writeFileSync(join(directoryOf(controller, group), file), text, { flag: 'r+' }),
    remove: async (group, known = []) => {
      for (const directory of known.flatMap((child) => directories(join(group, child)))) isRemoved(directory);
      await removeWithRetries(directories(group), () => killAll(group));
      removeStrayDirectory(group);
    },
    children: (group) => [...new Set(directories(group).flatMap(childrenOf))],
  };
}

const removeTries = 200;
const removePauseMs = 25;

/** A killed process leaves its group only when it has died, which in the middle of I/O takes its time. */
async function removeWithRetries(directories: readonly string[], kill: () => void): Promise<void> {
  for (let attempt = 0; attempt < removeTries; attempt++) {
    const left = directories.filter((directory) => !removeTree(directory));
    if (left.length === 0) return;
    kill();
    await sleep(removePauseMs);
  }
  throw new Error(`the control group ${directories[0]} can't be removed: a process in it can't be killed`);
}

function removeTree(directory: string): boolean {
  if (isRemoved(directory)) return true;
  for (const child of childrenOf(directory)) removeTree(join(directory, child));
  return isRemoved(directory);
}

/** Removes a group with no other below it. False if it has some, or processes. */
function isRemoved(directory: string): boolean {
  try {
    rmdirSync(directory);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}

function childrenOf(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch {
    return [];
  }
}

function processesBelow(directory: string): number[] {
  const own = readOrEmpty(join(directory, 'cgroup.procs')).split('\n').filter(Boolean).map(Number);
  return [...own.filter((pid) => pid > 0), ...childrenOf(directory).flatMap((child) => processesBelow(join(directory, child)))];
}

/** On a hybrid host crun makes ordinary directories where the launcher has hidden the v2 hierarchy. */
function removeStrayDirectory(group: string): void {
  const hidden = join(cgroupRoot, 'unified');
  if (existsSync(hidden) && statfsSync(hidden).type !== cgroup2Magic) rmSync(join(hidden, group), { recursive: true, force: true });
}

/** v2 gives a group a controller only if every group above it passes it on. */
function enableControllers(group: string): void {
  for (const above of ancestors(group)) {
    const directory = join(cgroupRoot, above);
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'cgroup.subtree_control'), controllers.map((controller) => `+${controller}`).join(' '));
    // A kernel may have been built without it.
    writeQuietly(join(directory, 'cgroup.subtree_control'), '+io');
  }
}

/** Above `a/b/c`: '', `a`, `a/b`. */
function ancestors(group: string): string[] {
  const parent = dirname(group);
  return parent === '.' ? [''] : [...ancestors(parent), parent];
}

function writeQuietly(file: string, text: string): void {
  try {
    if (existsSync(file)) writeFileSync(file, text);
  } catch {
    // The group went away.
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}
