// A control group that its container may divide into groups of its own, as systemd inside does. By the kernel's rules of
// delegation (cgroup-v2, "Delegation"): the group and the files by which processes and controllers are handed on are the
// container's; those with its limits stay the host's, and limits below them can only be tighter.
import { chownSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Isolation } from '@berth/contract';
import { cgroupRoot } from './cgroup.js';
import type { CgroupVersion } from './cgroup-values.js';

/** What cgroup(7) lists under "Cgroup delegation containment". */
const handedOver: readonly string[] = ['cgroup.procs', 'cgroup.threads', 'cgroup.subtree_control'];
/** Each group holds some of the kernel's memory. systemd has one for each unit. */
const bounds = { 'cgroup.max.descendants': '1000', 'cgroup.max.depth': '16' } as const;

/** @returns why not, in words for the task's owner, or null. */
export function delegationFault(version: CgroupVersion, isolation: Isolation): string | null {
  if (isolation === 'sandbox') return 'a sandbox has no control groups inside (delegateCgroup)';
  // In v1 a group that is handed over can reach limits of its own, and the host's release agent.
  return version === 'v1' ? 'its control group can’t be delegated (delegateCgroup): this host has cgroup v1' : null;
}

/**
 * Before anything of the container's has run.
 * @param owner the host's id of the container's root
 */
export function delegate(group: string, owner: number): void {
  const directory = join(cgroupRoot, group);
  for (const [file, value] of Object.entries(bounds)) writeFileSync(join(directory, file), value);
  // Whatever the OCI runtime thinks should be the container's, too.
  for (const file of readdirSync(directory)) chownSync(join(directory, file), ...ownerOf(handedOver.includes(file), owner));
  chownSync(directory, owner, owner);
}

function ownerOf(isHandedOver: boolean, owner: number): [number, number] {
  return isHandedOver ? [owner, owner] : [0, 0];
}
