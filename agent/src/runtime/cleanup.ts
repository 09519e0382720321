// Takes away everything a task has on the host but its logs. Every step is safe if there is nothing (any more), so it
// works after a crash at any point, and twice.
import { rmSync } from 'node:fs';
import type { Cgroups } from './cgroup.js';
import { forgetSandbox } from './gvisor.js';
import type { Monitor } from './monitor.js';
import type { Paths } from './paths.js';
import { containersOf, readRecord, type SandboxRecord } from './records.js';
import { removeTree } from './remove-tree.js';
import { cleanupRootfs } from './rootfs.js';

export interface CleanupHost {
  readonly paths: Paths;
  readonly groups: Cgroups;
  readonly monitor: Monitor;
  /** Returns at once. */
  readonly releaseSlot: (slot: number) => void;
  /** Takes the task's volumes away, but for what is in them. */
  readonly releaseVolumes: (taskId: string) => Promise<void>;
  /** The last process of a task is gone: what it has written need not reach the host's disk. */
  readonly discardDisk: (slot: number) => void;
}

export async function cleanupTask(host: CleanupHost, taskId: string): Promise<void> {
  const { paths, groups } = host;
  const at = paths.task(taskId);
  const recorded = containersOf(paths, taskId);
  const names = recorded.length > 0 ? recorded : groups.children(at.cgroup);
  // First, or an exit file would be written after everything else is gone.
  await Promise.all(names.map((name) => host.monitor.forget(paths.container(taskId, name))));
  await groups.remove(at.cgroup, names);
  const sandbox = readRecord<SandboxRecord>(at.sandbox);
  if (sandbox) host.discardDisk(sandbox.slot);
  await Promise.all(names.map((name) => removeOutside(paths, taskId, name)));
  await host.releaseVolumes(taskId);
  if (sandbox) host.releaseSlot(sandbox.slot);
  // Last, because it holds the record that says which sandbox the task has. The containers' are in it.
  rmSync(at.directory, { recursive: true, force: true });
}

/** Takes away one container whose process never ran, so that it can be said to be absent. */
export async function removeContainer(
  { paths, groups, monitor }: Pick<CleanupHost, 'paths' | 'groups' | 'monitor'>,
  taskId: string,
  name: string,
): Promise<void> {
  const at = paths.container(taskId, name);
  await monitor.forget(at);
  await groups.remove(at.cgroup);
  await removeOutside(paths, taskId, name);
  rmSync(at.directory, { recursive: true, force: true });
}

/** Takes away a container that has ended, with all that it has written, so that its next attempt begins clean. */
export async function clearContainer(host: Pick<CleanupHost, 'paths' | 'groups' | 'monitor'>, taskId: string, name: string): Promise<void> {
  const { paths } = host;
  await removeContainer(host, taskId, name);
  const sandbox = readRecord<SandboxRecord>(paths.task(taskId).sandbox);
  if (sandbox) await removeTree(paths.writable(sandbox.slot, name));
}

/** What there is of a container outside its directory, or mounted in there. */
async function removeOutside(paths: Paths, taskId: string, name: string): Promise<void> {
  const at = paths.container(taskId, name);
  await cleanupRootfs(at);
  forgetSandbox(paths, at.id);
  // The record first: with it and without an exit file the container would count as running.
  for (const path of [at.record, at.state, at.exitFile]) rmSync(path, { recursive: true, force: true });
}
