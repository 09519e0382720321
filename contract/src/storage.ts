// What a task may write, and where.
import { z } from 'zod';
import { limits } from './sizes.js';

export const ephemeralStorageMiBSchema = z
  .int()
  .min(limits.ephemeralStorageMiB.min)
  .max(limits.ephemeralStorageMiB.max)
  .describe(
    'Disk of the whole task, in MiB: all that its containers write to their root file systems and scratch volumes. A hard limit ' +
      '(ENOSPC), with one inode for each 16 KiB; the file system’s own tables, about 2 %, count. Gone with the task.',
  );

/** Of old tasks, which say nothing: what every task is given then. */
export function ephemeralStorageOf(task: { readonly ephemeralStorageMiB?: number | undefined }): number {
  return task.ephemeralStorageMiB ?? limits.ephemeralStorageMiB.default;
}
