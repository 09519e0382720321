// What a former life of the agent has left: tasks nobody knows any more, containers that were never let go, sandboxes
// that were waiting in its pool. Looked for at the start, by name, in every place where something of ours can be.
import { rmSync } from 'node:fs';
import { isId } from '@berth/contract';
import type { Cgroups } from './cgroup.js';
import { type CleanupHost, removeContainer } from './cleanup.js';
import { startSandbox } from './gvisor.js';
import { releaseFifo } from './launch.js';
import { mountsBelow } from './mounts-below.js';
import { ociProgram } from './oci-program.js';
import type { RuntimeOptions } from './options.js';
import type { Paths } from './paths.js';
import { isAlive } from './processes.js';
import { containersOf, namesIn, readIfThere, readRecord, type StartRecord } from './records.js';
import { unmount } from './syscalls.js';

/** Ids of all tasks of which anything is there. */
export function tasksOnHost(paths: Paths, groups: Cgroups): string[] {
  const named = [...namesIn(paths.tasks), ...namesIn(paths.taskMounts), ...groups.children(paths.instance)];
  const prefixed = [...namesIn(paths.crunRoot), ...namesIn(paths.exits)].map((name) => name.split('.')[0] ?? '');
  return [...new Set([...named, ...prefixed])].filter(isId);
}

/** After a reboot nothing of `run` is true, if the machine has kept it at all. */
export function forgetFormerBoot(paths: Paths, bootId: string): void {
  if (readIfThere(paths.bootIdFile) !== bootId) forgetRun(paths);
}

/** Empties the directory of the instance in /run, but for what the launcher keeps there. */
export function forgetRun(paths: Paths): void {
  // Volumes are in these: nothing that is in them is walked.
  for (const directory of [paths.taskMounts, paths.volumeMounts]) for (const target of mountsBelow(directory)) unmount(target);
  for (const directory of [paths.crunRoot, paths.runscRoot, paths.exits, paths.slots, paths.tasks, paths.imageRun, paths.secrets]) {
    for (const target of [...mountsBelow(directory), directory]) unmount(target);
    rmSync(directory, { recursive: true, force: true });
  }
  for (const file of [paths.bootIdFile, paths.networkState, paths.subnetInUse]) rmSync(file, { force: true });
}

/** Settles containers whose start was under way: not let go means gone, let go means it is made sure. */
export async function settleContainers(
  host: Pick<CleanupHost, 'paths' | 'groups' | 'monitor'> & { readonly programs: RuntimeOptions['programs'] },
  taskId: string,
): Promise<void> {
  const { paths, programs } = host;
  for (const name of containersOf(paths, taskId)) {
    const at = paths.container(taskId, name);
    const record = readRecord<StartRecord>(at.record);
    if (!record) await removeContainer(host, taskId, name);
    else if (record.isolation !== 'sandbox') releaseQuietly(at.startFifo);
    // One whose sandbox can't be started any more has ended, or will be found stuck.
    else if (isAlive(record.process)) await startSandbox(ociProgram('sandbox', programs, paths), paths, at.id).catch(() => {});
  }
}

function releaseQuietly(fifo: string): void {
  try {
    releaseFifo(fifo);
  } catch (error) {
    if (!['ENOENT', 'ENXIO'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}
