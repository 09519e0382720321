// The small files in which the runtime tells its next life what it has made. Each is written whole or not at all.
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Isolation } from '@berth/contract';
import type { Paths } from './paths.js';
import type { ProcessId } from './processes.js';

export interface SandboxRecord {
  readonly slot: number;
  readonly address: string;
}

/** Written just before a container is let go: once it is there, the container counts as started. */
export interface StartRecord {
  readonly process: ProcessId;
  readonly monitor: ProcessId;
  readonly startedAtMs: number;
  /** Absent in records of before there were two tiers. */
  readonly isolation?: Isolation;
}

/** Why an exit code will never come: our means of watching the container are gone. */
export interface FailureRecord {
  readonly reason: string;
  readonly finishedAtMs: number;
}

export function writeRecord(file: string, record: SandboxRecord | StartRecord | FailureRecord): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, JSON.stringify(record));
  renameSync(`${file}.new`, file);
}

/** @returns null if there is none. */
export function readRecord<T extends SandboxRecord | StartRecord | FailureRecord>(file: string): T | null {
  const text = readIfThere(file);
  return text === null ? null : (JSON.parse(text) as T);
}

export function readIfThere(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Of a file that may go while it is read, as those of processes and control groups do: then ''. */
export function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** Names in a directory; none if there is no such directory. */
export function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

export function containersOf(paths: Paths, taskId: string): string[] {
  return namesIn(`${paths.task(taskId).directory}/containers`);
}
