// Takes images that nobody needs out of the store when its disk runs short, and what broken pulls have left in it.
import { setTimeout as sleep } from 'node:timers/promises';
import { diskSpaceAt } from './disk-space.js';
import { inMiB, isShort, orphans, removable, spareSpaceOf } from './image-choice.js';
import { keptImages, keptLayers } from './image-store.js';
import { forgetUse, lastUsedMs, neededImages } from './image-use.js';
import type { RuntimeOptions } from './options.js';
import type { Paths } from './paths.js';
import { runProgram } from './programs.js';

export interface ImageSweep {
  /** Makes room if there is too little. Calls at the same time share one sweep. Never rejects: what did not go stays. */
  relieve(): Promise<void>;
  /** Takes away what a pull that failed has left, but for what may be of one that is under way. */
  clear(): Promise<void>;
  /** Takes an image away that was refused. Its layers stay if another has them. */
  remove(id: string): Promise<void>;
  /** Resolves when this image is not being removed (any more). */
  settled(digest: string): Promise<void>;
}

const removeTimeoutMs = 10 * 60_000;
/** Removed files give their space back a moment later, where a disk is full of them. */
const pauseMs = 20;

/**
 * @param forget is told of an image before it goes. Whoever wants it from then on has to wait until it is `settled`.
 * @param oldestPullMs when the oldest pull that is under way began; Infinity if there is none.
 */
export function imageSweep(
  paths: Paths,
  options: Pick<RuntimeOptions, 'log' | 'imageSpace'>,
  forget: (digest: string) => void,
  oldestPullMs: () => number,
): ImageSweep {
  const leaving = new Map<string, Promise<void>>();
  let sweeping: Promise<void> | null = null;

  const isShortNow = (relieving: boolean) => {
    const space = diskSpaceAt(paths.images);
    return isShort(space, spareSpaceOf(space, options.imageSpace), relieving);
  };

  const store = (...command: string[]) =>
    runProgram('containers-storage', ['-s', 'overlay', '-g', paths.images, '-R', paths.imageRun, ...command], {
      timeoutMs: removeTimeoutMs,
    });

  const clear = async (): Promise<void> => {
    const layers = await keptLayers(paths);
    const left = orphans(layers, await keptImages(paths), oldestPullMs());
    for (const id of left) await store('delete-layer', id);
    // Whatever the program is asked to do, it begins by removing what nobody unpacks any more.
    if (left.length === 0 && layers.some(({ unfinished }) => unfinished)) await store('delete-layer', 'none');
  };

  const remove = async (id: string): Promise<void> => {
    const { code, stderr } = await store('delete-image', id);
    if (code !== 0) throw new Error(`containers-storage could not remove the image ${id}: ${stderr.trim().slice(-300)}`);
  };

  const removeOldest = async (): Promise<boolean> => {
    const kept = await keptImages(paths);
    // From here to `leaving` nothing is waited for: who says now that it needs an image is heard.
    const needed = neededImages(paths);
    const [image] = needed === null ? [] : removable(kept, needed, (digest) => lastUsedMs(paths, digest));
    if (!image) return false;
    const { digest, id } = image;
    forget(digest);
    const gone = remove(id).then(() => forgetUse(paths, digest));
    leaving.set(
      digest,
      gone.catch(() => {}).finally(() => leaving.delete(digest)),
    );
    await gone;
    options.log.info({ image: digest, freeMiB: inMiB(diskSpaceAt(paths.images).freeBytes) }, 'an unused image was removed to make room');
    return true;
  };

  const sweep = async (): Promise<void> => {
    await clear();
    while (isShortNow(true) && (await removeOldest())) await sleep(pauseMs);
  };

  return {
    clear,
    remove,
    settled: async (digest) => leaving.get(digest),
    relieve: async () => {
      if (!sweeping && !isShortNow(false)) return;
      sweeping ??= sweep()
        .catch((error) => options.log.error({ err: error }, 'unused images could not be removed'))
        .finally(() => {
          sweeping = null;
        });
      await sweeping;
    },
  };
}
