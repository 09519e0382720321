// A task's disk: a file system of its own, in a sparse file, which holds everything that its containers write. Its size
// is the hard limit, in bytes and in inodes: whoever fills it gets ENOSPC and nobody else notices. It is thrown away
// whole, without a look at what the tenant has put into it.
import { closeSync, ftruncateSync, mkdirSync, openSync, statfsSync, statSync, writeSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { type DiskTemplate, diskTemplates } from './disk-template.js';
import { attachLoop } from './loop.js';
import { isMountPoint } from './mounts-below.js';
import { mount, mountFlags, shutDownFileSystem, unmountAside } from './syscalls.js';

export interface DiskPlace {
  /** Where it is mounted. */
  readonly disk: string;
  /** The file behind it. Outlives a reboot, unlike the mount. */
  readonly diskImage: string;
  /** A directory on the disk. */
  readonly writable: string;
}

export interface Disks {
  /** Makes an empty disk of this size and mounts it. What was there before is removed. Throws if the host can't. */
  make(at: DiskPlace, sizeMiB: number): Promise<void>;
  /** Makes sure that the disk is there with this size; an existing one of another size is replaced, so only before use. */
  fit(at: DiskPlace, sizeMiB: number): Promise<void>;
  /** Nothing that was written and is not on the host's disk yet needs to go there any more. No process may use it. */
  discard(at: DiskPlace): void;
  /** Safe twice, and for a disk that was made in part or not at all. */
  remove(at: DiskPlace): Promise<void>;
}

const mib = 1024 * 1024;
/** noinit_itable: else a kernel thread goes on to write all of the inode tables. nobarrier: a task's fsync is no reason
 *  for the whole host to sync, for nothing of this disk is read after a power cut. */
const options = 'noinit_itable,nobarrier';
/** Below this, writing back what nobody needs is cheaper than saying so. */
const discardFromBytes = 4 * mib;

export function disks(directory: string): Disks {
  const templateOf = diskTemplates(directory);

  const make = async (at: DiskPlace, sizeMiB: number): Promise<void> => {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const template = await templateOf(sizeMiB);
    await removeDisk(at);
    mkdirSync(at.disk, { recursive: true, mode: 0o711 });
    const file = openSync(at.diskImage, 'wx+', 0o600);
    try {
      writeTemplate(file, template);
      mountFile(file, at.disk);
      // The first directory is the slow one: the kernel reads what it needs to know of the file system.
      mkdirSync(at.writable, { mode: 0o755 });
    } catch (error) {
      await removeDisk(at);
      throw error;
    } finally {
      closeSync(file);
    }
  };

  return {
    make,
    fit: async (at, sizeMiB) => {
      if (sizeOf(at) !== sizeMiB * mib || !isMountPoint(at.disk)) await make(at, sizeMiB);
    },
    discard: (at) => {
      if (isMountPoint(at.disk) && usedBytes(at.disk) >= discardFromBytes) shutDownFileSystem(at.disk);
    },
    remove: removeDisk,
  };
}

function writeTemplate(file: number, { bytes, blocks }: DiskTemplate): void {
  ftruncateSync(file, bytes);
  for (const { offset, data } of blocks) writeSync(file, data, 0, data.length, offset);
}

function mountFile(file: number, target: string): void {
  const loop = attachLoop(file);
  try {
    mount(loop.path, target, 'ext4', mountFlags.noSuid | mountFlags.noDev | mountFlags.noAtime, options);
  } finally {
    // The mount holds it from now on; without one it detaches itself.
    closeSync(loop.fd);
  }
}

async function removeDisk(at: DiskPlace): Promise<void> {
  await unmountAside(at.disk);
  await rm(at.diskImage, { force: true });
}

function sizeOf(at: DiskPlace): number | null {
  return statSync(at.diskImage, { throwIfNoEntry: false })?.size ?? null;
}

function usedBytes(directory: string): number {
  const { blocks, bfree, bsize } = statfsSync(directory);
  return (blocks - bfree) * bsize;
}
