// A container's root file system: the image's layers, read through the task's own id mapping, below a writable layer.
import { chownSync, closeSync, fstatSync, mkdirSync, openSync, readSync } from 'node:fs';
import type { IdRange } from './addresses.js';
import type { ProgramKind } from './executable.js';
import { removeTree } from './remove-tree.js';
import { mount, openInRoot, unmount } from './syscalls.js';

export interface RootfsPlace {
  readonly rootfs: string;
  readonly upper: string;
  readonly work: string;
}

const maxMountOptionBytes = 4095;
const maxFileBytes = 1024 * 1024;

/**
 * Mounts the root file system. `layersDirectory` is the sandbox's id-mapped mount of the store.
 * @throws Error if the image has more layers than a mount's options can name (about 140).
 */
export function prepareRootfs(at: RootfsPlace, layersDirectory: string, layers: readonly string[], ids: IdRange): void {
  for (const directory of [at.upper, at.work]) {
    mkdirSync(directory, { recursive: true, mode: 0o755 });
    chownSync(directory, ids.first, ids.first);
  }
  mkdirSync(at.rootfs, { recursive: true });
  const options = `lowerdir=${layers.map((layer) => `l/${layer}`).join(':')},upperdir=${at.upper},workdir=${at.work}`;
  if (Buffer.byteLength(options) > maxMountOptionBytes)
    throw new Error(`The image has ${layers.length} layers, more than one mount can name. Rebuild it with fewer.`);
  // Paths relative to the store leave room for about 140 layers in the one page that mount(2) takes. Nothing else runs
  // between the two calls, and everything else here uses absolute paths.
  const before = process.cwd();
  process.chdir(layersDirectory);
  try {
    mount('overlay', at.rootfs, 'overlay', 0, options);
  } finally {
    process.chdir(before);
  }
}

/** Safe twice, and without prepareRootfs. The writable layer is the task's data and goes with it. */
export async function cleanupRootfs(at: RootfsPlace): Promise<void> {
  while (unmount(at.rootfs));
  for (const directory of [at.upper, at.work]) await removeTree(directory);
}

/**
 * Text of a file of the container, read as the container would find it: links of a hostile image do not lead out.
 * @returns '' if there is none, or if it is no ordinary file. At most 1 MiB is read.
 */
export function readInRootfs(rootfs: string, path: string): string {
  const root = openSync(rootfs, 'r');
  try {
    const fd = openInRoot(root, path);
    return fd === null ? '' : readAndClose(fd);
  } finally {
    closeSync(root);
  }
}

/** What is at a path of the container, links followed as inside. For whose user it is executable is left to execve. */
export function programKind(rootfs: string, path: string): ProgramKind {
  const root = openSync(rootfs, 'r');
  try {
    const fd = openInRoot(root, path);
    if (fd === null) return 'missing';
    try {
      const found = fstatSync(fd);
      return found.isFile() && (found.mode & 0o111) !== 0 ? 'program' : 'not-executable';
    } finally {
      closeSync(fd);
    }
  } finally {
    closeSync(root);
  }
}

function readAndClose(fd: number): string {
  try {
    const found = fstatSync(fd);
    if (!found.isFile()) return '';
    const buffer = Buffer.alloc(Math.min(found.size, maxFileBytes));
    return buffer.toString('utf8', 0, readSync(fd, buffer, 0, buffer.length, 0));
  } finally {
    closeSync(fd);
  }
}
