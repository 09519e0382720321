// Secret values on the host: in files below /run/<instance>, which is memory (agent/bin/berth-agent sees to that), for
// as long as their task is there. They come beside a task's order, at every connect anew, and are in no journal: a task
// that was taken on before the agent died waits here until they come again.
import { chmodSync, chownSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerSpec, SecretValues, TaskId, TaskSpec } from '@berth/contract';
import type { IdRange } from './addresses.js';
import type { Paths } from './paths.js';
import { namesIn, readIfThere } from './records.js';
import { secretFilesOf, usesSecrets } from './secret-use.js';

export interface Secrets {
  /** Those that a task has already stay: its containers are to see the same values in each attempt. */
  keep(taskId: TaskId, values: SecretValues): void;
  /** Resolves when the values of a task that uses any are there. Throws the reason of `signal` when that fires. */
  arrived(spec: TaskSpec, signal: AbortSignal): Promise<void>;
  /** None if the task uses none. */
  of(taskId: string): SecretValues;
  forget(taskId: string): void;
  /** Of tasks that nobody knows any more. */
  forgetAllBut(isKnown: (taskId: string) => boolean): void;
}

/** One file of a container, by its place on the host. */
export interface SecretMount {
  readonly source: string;
  readonly path: string;
}

export function secrets(paths: Paths): Secrets {
  const waiting = new Map<string, Set<() => void>>();
  const fileOf = (taskId: string) => join(paths.secrets, `${taskId}.json`);
  const forget = (taskId: string) => rmSync(fileOf(taskId), { force: true });

  return {
    keep: (taskId, values) => {
      if (readIfThere(fileOf(taskId)) !== null) return;
      mkdirSync(paths.secrets, { recursive: true, mode: 0o700 });
      writeFileSync(`${fileOf(taskId)}.new`, JSON.stringify(values), { mode: 0o600 });
      renameSync(`${fileOf(taskId)}.new`, fileOf(taskId));
      for (const wake of waiting.get(taskId) ?? []) wake();
    },
    arrived: async (spec, signal) => {
      if (!spec.containers.some(usesSecrets) || readIfThere(fileOf(spec.taskId)) !== null) return;
      const waiters = waiting.get(spec.taskId) ?? new Set();
      waiting.set(spec.taskId, waiters);
      let wake = () => {};
      try {
        await new Promise<void>((resolve) => {
          wake = resolve;
          waiters.add(wake);
          signal.addEventListener('abort', wake, { once: true });
        });
      } finally {
        waiters.delete(wake);
        signal.removeEventListener('abort', wake);
        if (waiters.size === 0) waiting.delete(spec.taskId);
      }
      signal.throwIfAborted();
    },
    of: (taskId) => JSON.parse(readIfThere(fileOf(taskId)) ?? '{}') as SecretValues,
    forget,
    forgetAllBut: (isKnown) => {
      for (const name of namesIn(paths.secrets)) {
        if (!isKnown(name.replace(/\.json$/, ''))) rmSync(join(paths.secrets, name), { force: true });
      }
    },
  };
}

/** Writes a container's secret files, owned as seen from inside. @throws Error when a value is missing. */
export function writeSecretFiles(directory: string, container: ContainerSpec, values: SecretValues, ids: IdRange): SecretMount[] {
  const files = secretFilesOf(container, values);
  if (files.length > 0) mkdirSync(directory, { recursive: true, mode: 0o711 });
  return files.map(({ path, content, mode, uid, gid }, index) => {
    const source = join(directory, String(index));
    rmSync(source, { force: true });
    writeFileSync(source, content, { mode: 0o600 });
    chownSync(source, ids.first + uid, ids.first + gid);
    chmodSync(source, mode);
    return { source, path };
  });
}
