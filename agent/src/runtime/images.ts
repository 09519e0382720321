// Gets images into the store, each once at a time, keeps what was read of them, and lets those go that nobody needs.
import { mkdir, rm } from 'node:fs/promises';
import { parseImageRef } from '@berth/contract';
import { chainOf } from './image-choice.js';
import { type Image, keptImages, keptLayers, readImage } from './image-store.js';
import { type ImageSweep, imageSweep } from './image-sweep.js';
import { noteNeed, noteUse } from './image-use.js';
import { nameThatLeadsOut } from './layer-names.js';
import type { RuntimeOptions } from './options.js';
import type { Paths } from './paths.js';
import { pullImage } from './pull.js';
import { TaskStartError } from './runtime.js';
import { SharedWork } from './shared-work.js';
import { unmount } from './syscalls.js';

export interface Images {
  /** From here on the task's images are kept, those to be pulled too, until the task's directory goes. */
  need(taskId: string, references: readonly string[]): void;
  /**
   * The image, pulled if it is missing. Throws TaskStartError with the registry's words, or the reason of `signal` as
   * soon as that fires; the pull itself ends when nobody waits for it any more.
   */
  get(reference: string, signal?: AbortSignal): Promise<Image>;
  /** The image if it is here; never pulls. */
  stored(reference: string): Promise<Image | null>;
  prepare(): Promise<void>;
  /** Removes images that no task needs if the disk runs short. */
  relieve(): Promise<void>;
  /** Takes away the mount that the storage library leaves behind. */
  tearDown(): Promise<void>;
}

export function images(paths: Paths, options: RuntimeOptions): Images {
  const known = new Map<string, Image>();
  const pulls = new SharedWork<Image>();
  /** When those that are under way began. */
  const begun = new Set<{ readonly atMs: number }>();
  /** Layers in which no bad name was found. */
  const honest = new Set<string>();
  let clearing: Promise<void> = Promise.resolve();
  const sweep: ImageSweep = imageSweep(
    paths,
    options,
    (digest) => known.delete(digest),
    () => Math.min(Number.POSITIVE_INFINITY, ...[...begun].map(({ atMs }) => atMs)),
  );

  /** Nobody waits for it: what a broken pull has left is only in the way of the disk. */
  const clearLater = () => {
    clearing = clearing.then(() => sweep.clear()).catch((error) => options.log.error({ err: error }, 'a broken pull could not be cleared'));
  };

  const find = async (reference: string, digest: string, abandoned: AbortSignal): Promise<Image> => {
    await sweep.settled(digest);
    const stored = (await readImage(paths, digest)) ?? (await pull(reference, digest, abandoned));
    known.set(digest, stored);
    return stored;
  };

  const pull = async (reference: string, digest: string, abandoned: AbortSignal): Promise<Image> => {
    await sweep.relieve();
    const run = { atMs: Date.now() };
    begun.add(run);
    try {
      await pullImage(paths, options, reference, digest, abandoned);
      await refuseBadNames(reference, digest);
    } finally {
      begun.delete(run);
      clearLater();
    }
    const image = await readImage(paths, digest);
    if (!image) throw new TaskStartError('RuntimeFailed', `The image ${reference} was pulled, and is not in the store at ${paths.images}.`);
    options.log.info({ image: reference, durationMs: Date.now() - run.atMs, layers: image.layers.length }, 'image pulled');
    return image;
  };

  const refuseBadNames = async (reference: string, digest: string): Promise<void> => {
    const image = (await keptImages(paths)).find((kept) => kept.digest === digest);
    const layers = chainOf(image?.topLayer ?? null, await keptLayers(paths)).filter((layer) => !honest.has(layer));
    const name = await nameThatLeadsOut(paths, layers);
    if (image && name !== null) {
      await sweep.remove(image.id);
      const shown = JSON.stringify(name.slice(0, 100));
      throw new TaskStartError('ImagePullFailed', `The image ${reference} was refused: one of its layers has a file named ${shown}.`);
    }
    for (const layer of layers) honest.add(layer);
  };

  return {
    need: (taskId, references) => noteNeed(paths, taskId, references.map(digestOf)),
    get: async (reference, signal) => {
      const digest = digestOf(reference);
      const image = known.get(digest) ?? (await pulls.get(digest, signal, (abandoned) => find(reference, digest, abandoned)));
      noteUse(paths, digest);
      return image;
    },
    stored: async (reference) => known.get(digestOf(reference)) ?? readImage(paths, digestOf(reference)),
    prepare: async () => {
      for (const directory of [paths.layers, paths.imageRun]) await mkdir(directory, { recursive: true, mode: 0o700 });
      // What pulls of an earlier life have left.
      await rm(paths.pulls, { recursive: true, force: true });
      await mkdir(paths.pulls, { recursive: true, mode: 0o700 });
      clearLater();
    },
    relieve: sweep.relieve,
    tearDown: async () => {
      await clearing;
      unmount(paths.layers);
    },
  };
}

function digestOf(reference: string): string {
  const digest = parseImageRef(reference, 'localhost')?.digest;
  if (!digest) throw new TaskStartError('ImagePullFailed', `The image ${reference} is not pinned to a digest.`);
  return digest;
}
