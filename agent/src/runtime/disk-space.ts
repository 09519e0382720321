// What the host's disk has left, and what follows from it. Pure, but for the two functions that look.
import { statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { namesIn } from './records.js';

export interface DiskSpace {
  readonly totalBytes: number;
  readonly freeBytes: number;
  /** 0 where the file system has no fixed number of them. */
  readonly totalInodes: number;
  readonly freeInodes: number;
}

const mib = 1024 * 1024;
const mostReserveBytes = 2048 * mib;
const unitBytes = 512;

/** What is kept for images, logs and the journal: a tenth of the disk, and 2 GiB at the most. */
export function reserveBytes({ totalBytes }: DiskSpace): number {
  return Math.min(mostReserveBytes, Math.floor(totalBytes / 10));
}

/** @param ownBytes what disks of tasks and volumes take already: it is theirs, not gone. @returns what all of them may hold. */
export function diskCapacityMiB(space: DiskSpace, ownBytes: number): number {
  return Math.max(0, Math.floor((space.freeBytes + ownBytes - reserveBytes(space)) / mib));
}

/**
 * Why the host should get no more tasks, or null. Begins when half of the reserve or 98 % of the inodes are gone; ends
 * only with some distance to that, so that a host at the brink does not come and go.
 */
export function diskPressure(space: DiskSpace, before: string | null): string | null {
  const [bytesShare, inodesShare] = before === null ? [0.5, 0.02] : [0.75, 0.04];
  if (space.freeBytes < reserveBytes(space) * bytesShare) return `its disk has only ${Math.floor(space.freeBytes / mib)} MiB left`;
  if (space.totalInodes > 0 && space.freeInodes < space.totalInodes * inodesShare)
    return `its disk has only ${space.freeInodes} of ${space.totalInodes} inodes left`;
  return null;
}

export function diskSpaceAt(directory: string): DiskSpace {
  const { bsize, blocks, bavail, files, ffree } = statfsSync(directory);
  return { totalBytes: blocks * bsize, freeBytes: bavail * bsize, totalInodes: files, freeInodes: ffree };
}

/** What the files in a directory really take, holes not counted. */
export function takenBytes(directory: string): number {
  const files = namesIn(directory).map((name) => statSync(join(directory, name), { throwIfNoEntry: false }));
  return files.reduce((sum, file) => sum + (file ? file.blocks * unitBytes : 0), 0);
}
