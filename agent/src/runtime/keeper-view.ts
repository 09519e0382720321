// What the keeper sees of the mounts in here. crun copies all mounts of its namespace for each container that it makes,
// and reads their list, which with two mounts for each of 128 ready sandboxes took a quarter of its time. It needs none of
// them: the keeper, which starts it, has a mount namespace of its own that goes without.
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { mountsBelow } from './mounts-below.js';
import type { Paths } from './paths.js';
import { mount, mountFlags } from './syscalls.js';

/**
 * From now on what is mounted below `paths.run` is mounted in the keeper's namespace too, but for what is below
 * `paths.slots`. Safe twice. An agent of a former version may have left sandboxes there: they then are seen.
 */
export function hideSlotsFromKeeper(paths: Paths): void {
  mkdirSync(paths.slots, { recursive: true, mode: 0o711 });
  if (!isOwnMount(paths.slots) && mountsBelow(paths.slots).length === 0) mount(paths.slots, paths.slots, '', mountFlags.bind);
  mount('', paths.run, '', mountFlags.shared);
  if (isOwnMount(paths.slots)) mount('', paths.slots, '', mountFlags.private);
}

/** Runs a program in a namespace that takes over what is mounted in this one, without the sandboxes. */
export function inKeeperView({ slots }: Paths, program: string, args: readonly string[]): { program: string; args: string[] } {
  const script = 'umount --lazy "$0" 2>/dev/null; exec "$@"';
  return { program: 'unshare', args: ['--mount', '--propagation', 'slave', 'sh', '-c', script, slots, program, ...args] };
}

/** By the list: what is mounted on itself has its parent's device. */
function isOwnMount(directory: string): boolean {
  return mountsBelow(dirname(directory)).includes(directory);
}
