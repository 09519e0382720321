// A container's root file system: the image's layers, read through the task's own id mapping, below a writable layer.
import { randomBytes } from 'node:crypto';
import { chownSync, closeSync, fstatSync, mkdirSync, openSync, readlinkSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { IdRange } from './addresses.js';
import type { ProgramKind } from './executable.js';
import { namesIn } from './records.js';
import { mount, mountIdmapped, openInRoot, unmount, unmountAside } from './syscalls.js';

export interface RootfsPlace {
  readonly rootfs: string;
  /** In this, the store of layers is mounted with the task's ids until the overlay is made: that keeps them on its own. */
  readonly layers: string;
}

const maxMountOptionBytes = 4095;
const maxFileBytes = 1024 * 1024;

export interface RootfsParts {
  /** The directory of all layers. */
  readonly store: string;
  /** The image's, the topmost first. */
  readonly layers: readonly string[];
  /** The container's directory on the task's disk, which takes everything that it writes. */
  readonly writable: string;
  readonly ids: IdRange;
  /** An open descriptor of the namespace that has these ids. */
  readonly userNamespace: number;
}

/**
 * Mounts the root file system.
 * @throws Error if the image has more layers than a mount's options can name (about 140).
 */
export function prepareRootfs(at: RootfsPlace, { store, layers, writable, ids, userNamespace }: RootfsParts): void {
  const [upper, work] = [join(writable, 'upper'), join(writable, 'work')];
  for (const directory of [upper, work]) {
    mkdirSync(directory, { recursive: true, mode: 0o755 });
    chownSync(directory, ids.first, ids.first);
  }
  mkdirSync(at.rootfs, { recursive: true });
  const options = `lowerdir=${layers.map((layer) => `l/${layer}`).join(':')},upperdir=${upper},workdir=${work}`;
  if (Buffer.byteLength(options) > maxMountOptionBytes)
    throw new Error(`The image has ${layers.length} layers, more than one mount can name. Rebuild it with fewer.`);
  // Another place each time: the unmount of an attempt before may wait its turn still, and would take this one's mount.
  const mounted = join(at.layers, randomBytes(6).toString('hex'));
  mkdirSync(mounted, { recursive: true });
  mountIdmapped(store, mounted, userNamespace, closeSync, { readOnly: true });
  // Paths relative to the store leave room for about 140 layers in the one page that mount(2) takes. Nothing else runs
  // between the two calls, and everything else here uses absolute paths.
  const before = process.cwd();
  try {
    process.chdir(mounted);
    mount('overlay', at.rootfs, 'overlay', 0, options);
  } finally {
    process.chdir(before);
    // Nobody waits for it; should it fail, the clean-up does it.
    unmountAside(mounted).catch(() => {});
  }
}

/** Safe twice, and without prepareRootfs. The writable layer goes with the task's disk. */
export async function cleanupRootfs(at: RootfsPlace): Promise<void> {
  // An agent of another version has mounted it there.
  unmount(at.layers);
  for (const name of namesIn(at.layers)) unmount(join(at.layers, name));
  while (await unmountAside(at.rootfs));
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

/** Text of the link at a path of the container, or null if it is none. No directory above it may be a link. */
export function linkInRootfs(rootfs: string, path: string): string | null {
  try {
    return readlinkSync(`${rootfs}${path}`);
  } catch (error) {
    if (['EINVAL', 'ENOENT', 'ENOTDIR', 'ENAMETOOLONG'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
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
