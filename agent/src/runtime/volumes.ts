// The volumes of tasks: makes and mounts them before a task's first container, takes them away after its last, and lets
// one task at a time write to a persistent one. A volume is mounted on the host once, and once more for each task that
// uses it, by the task's own ids: whoever owns a file, it is the same user in every task.
import { chmodSync, chownSync, closeSync, existsSync, mkdirSync, rmdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { NetworkState, TaskSpec, VolumeSpec } from '@berth/contract';
import type { IdRange } from './addresses.js';
import { isMountPoint } from './mounts-below.js';
import { withNamespaces } from './namespaces.js';
import { mountNfs, unmountNfs } from './nfs-mount.js';
import type { RuntimeLog } from './options.js';
import type { Paths } from './paths.js';
import { namesIn, readIfThere } from './records.js';
import { mount, mountFlags, mountIdmapped, unmount } from './syscalls.js';
import { mountVolume, removeVolume, unmountVolume } from './volume-image.js';
import { VolumeLocks, type VolumeUse } from './volume-locks.js';
import { writeWhole } from './write-whole.js';

export interface TaskPlace {
  readonly slot: number;
  readonly ids: IdRange;
}

export interface Volumes {
  /** Of tasks that a former life of the agent has prepared. The volumes that nobody uses are unmounted. */
  adopt(known: readonly string[]): Promise<void>;
  /**
   * Waits until nobody else writes what the task is to write, then makes and mounts its volumes. Safe twice.
   * @throws the reason of `signal` when that fires; TaskStartError
   */
  prepare(spec: TaskSpec, place: TaskPlace, signal: AbortSignal): Promise<void>;
  /** Safe twice, and without prepare. No process of the task may be left. */
  cleanup(taskId: string): Promise<void>;
  /** Of all that there are, whether they are in use or not. */
  sizeMiB(): number;
  /** @returns those of which nothing is left. */
  remove(ids: readonly string[]): Promise<string[]>;
}

interface Record {
  readonly uses: readonly VolumeUse[];
}

const mib = 1024 * 1024;
const scratchMode = 0o777;

/** @param around what no NFS server may be in, at the moment. */
export function volumes(paths: Paths, log: RuntimeLog, around: () => { subnet: string; network: NetworkState | null }): Volumes {
  const locks = new VolumeLocks();
  /** Making, mounting and removing one volume never happen at the same time. */
  const turns = new Map<string, Promise<unknown>>();

  const inTurn = async <T>(id: string, work: () => Promise<T>): Promise<T> => {
    const before = turns.get(id) ?? Promise.resolve();
    const turn = before.then(work, work);
    turns.set(id, turn);
    try {
      return await turn;
    } finally {
      if (turns.get(id) === turn) turns.delete(id);
    }
  };

  const mountPersistent = async (volume: NonNullable<VolumeSpec['persistent']>, target: string, slot: number): Promise<void> => {
    const at = paths.volume(volume.id);
    await inTurn(volume.id, () => mountVolume(at, volume.sizeMiB));
    const readOnly = volume.access === 'read';
    await withNamespaces(paths.slot(slot).net, async ({ user }) => mountIdmapped(at.mount, target, user, closeSync, { readOnly }));
  };

  const mountOne = async ({ name, persistent, nfs }: VolumeSpec, { taskId }: TaskSpec, { slot, ids }: TaskPlace): Promise<void> => {
    const target = join(paths.task(taskId).mounts, name);
    mkdirSync(target, { recursive: true, mode: 0o711 });
    if (isMountPoint(target)) return;
    if (persistent) await mountPersistent(persistent, target, slot);
    else if (nfs) await mountNfs(nfs, target, around());
    else mountScratch(join(paths.scratch(slot), name), target, ids);
  };

  const unmountIdle = async (id: string): Promise<void> => {
    await inTurn(id, async () => {
      if (!locks.isUsed(id)) await unmountVolume(paths.volume(id));
    });
  };

  const removeOne = async (id: string): Promise<boolean> => {
    return inTurn(id, async () => {
      if (locks.isUsed(id)) return false;
      removeVolume(paths.volume(id));
      log.info({ volumeId: id }, 'volume removed');
      return true;
    }).catch((err: Error) => {
      log.error({ err, volumeId: id }, 'a volume could not be removed');
      return false;
    });
  };

  return {
    adopt: async (known) => {
      for (const taskId of known) locks.take(taskId, usesOf(paths, taskId));
      for (const id of namesIn(paths.volumeMounts)) await unmountIdle(id);
    },
    prepare: async (spec, place, signal) => {
      if (!spec.volumes?.length) return;
      const uses = spec.volumes.flatMap(({ persistent }) =>
        persistent ? [{ id: persistent.id, write: persistent.access === 'write' }] : [],
      );
      await locks.wait(spec.taskId, uses, signal);
      writeWhole(paths.task(spec.taskId).volumes, JSON.stringify({ uses } satisfies Record));
      for (const volume of spec.volumes) await mountOne(volume, spec, place);
    },
    cleanup: async (taskId) => {
      const { mounts } = paths.task(taskId);
      for (const name of namesIn(mounts)) await unmountTarget(join(mounts, name));
      if (existsSync(mounts)) rmdirSync(mounts);
      const uses = usesOf(paths, taskId);
      locks.release(taskId);
      for (const { id } of uses) await unmountIdle(id);
    },
    sizeMiB: () => namesIn(paths.volumes).reduce((sum, name) => sum + sizeOf(join(paths.volumes, name)), 0),
    remove: async (ids) => {
      const removed: string[] = [];
      for (const id of ids) if (await removeOne(id)) removed.push(id);
      return removed;
    },
  };
}

function sizeOf(image: string): number {
  return (statSync(image, { throwIfNoEntry: false })?.size ?? 0) / mib;
}

function usesOf(paths: Paths, taskId: string): readonly VolumeUse[] {
  const text = readIfThere(paths.task(taskId).volumes);
  return text === null ? [] : (JSON.parse(text) as Record).uses;
}

/** Owned by the container's root and open to every user, as the containers that share it may run as different ones. */
function mountScratch(directory: string, target: string, ids: IdRange): void {
  if (!existsSync(directory)) {
    mkdirSync(directory, { recursive: true });
    chownSync(directory, ids.first, ids.first);
    chmodSync(directory, scratchMode);
  }
  // The disk itself is nothing that the keeper, which makes containers, can see: see keeper-view.ts.
  mount(directory, target, '', mountFlags.bind);
}

/** Only an empty directory is removed: were the volume still there, its data would go with it. */
async function unmountTarget(target: string): Promise<void> {
  if (isNfs(target)) await unmountNfs(target);
  while (unmount(target));
  rmdirSync(target);
}

function isNfs(target: string): boolean {
  const lines = (readIfThere('/proc/self/mountinfo') ?? '').split('\n');
  return lines.some((line) => line.includes(` ${target} `) && / - nfs4? /.test(line));
}
