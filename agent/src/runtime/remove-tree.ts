// Removes what a tenant has written, whatever they have made of it.
import { rm } from 'node:fs/promises';
import { mustRun } from './programs.js';

const timeoutMs = 10 * 60_000;

/** Safe if it isn't there. Links are removed, not followed. */
export async function removeTree(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true }).catch(() =>
    // Directories nested deeper than a path can be long: rm(1) goes down step by step.
    mustRun('rm', ['-rf', '--one-file-system', '--', directory], { timeoutMs }),
  );
}
