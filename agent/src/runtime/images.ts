// Gets images into the store, each once at a time, and keeps what was read of them.
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseImageRef } from '@berth/contract';
import { type Image, readImage, storeName } from './image-store.js';
import type { RuntimeOptions } from './options.js';
import type { Paths } from './paths.js';
import { runProgram } from './programs.js';
import { pullFailure } from './pull-failure.js';
import { TaskStartError } from './runtime.js';
import { SharedWork } from './shared-work.js';
import { unmount } from './syscalls.js';

export interface Images {
  /**
   * The image, pulled if it is missing. Throws TaskStartError `ImagePullFailed` with the registry's words, or the reason
   * of `signal` as soon as that fires; the pull itself ends when nobody waits for it any more.
   */
  get(reference: string, signal?: AbortSignal): Promise<Image>;
  /** The image if it is here; never pulls. */
  stored(reference: string): Promise<Image | null>;
  prepare(): Promise<void>;
  /** Takes away the mount that the storage library leaves behind. */
  tearDown(): void;
}

export function images(paths: Paths, options: RuntimeOptions): Images {
  const known = new Map<string, Image>();
  const pulls = new SharedWork<Image>();

  const find = async (reference: string, abandoned: AbortSignal): Promise<Image> => {
    const digest = digestOf(reference);
    const stored = (await readImage(paths, digest)) ?? (await pull(paths, options, reference, digest, abandoned));
    known.set(digest, stored);
    return stored;
  };

  return {
    get: async (reference, signal) => {
      const digest = digestOf(reference);
      return known.get(digest) ?? pulls.get(digest, signal, (abandoned) => find(reference, abandoned));
    },
    stored: async (reference) => known.get(digestOf(reference)) ?? readImage(paths, digestOf(reference)),
    prepare: async () => {
      await mkdir(paths.layers, { recursive: true, mode: 0o700 });
      await mkdir(paths.imageRun, { recursive: true, mode: 0o700 });
      // What pulls of an earlier life have left.
      await rm(paths.pulls, { recursive: true, force: true });
      await mkdir(paths.pulls, { recursive: true, mode: 0o700 });
    },
    tearDown: () => {
      unmount(paths.layers);
    },
  };
}

function digestOf(reference: string): string {
  const digest = parseImageRef(reference, 'localhost')?.digest;
  if (!digest) throw new TaskStartError('ImagePullFailed', `The image ${reference} is not pinned to a digest.`);
  return digest;
}

async function pull(paths: Paths, options: RuntimeOptions, reference: string, digest: string, abandoned: AbortSignal): Promise<Image> {
  const begun = options.clock.now();
  // A killed skopeo leaves its temporary files behind; here they are found. Layers in the store it has marked as
  // unfinished, and the next pull takes them away.
  const directory = await mkdtemp(join(paths.pulls, 'pull-'));
  try {
    await copy(paths, options, reference, digest, directory, abandoned);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  const image = await readImage(paths, digest);
  if (!image) throw new TaskStartError('RuntimeFailed', `The image ${reference} was pulled, and is not in the store at ${paths.images}.`);
  options.log.info({ image: reference, durationMs: options.clock.now() - begun, layers: image.layers.length }, 'image pulled');
  return image;
}

async function copy(
  paths: Paths,
  options: RuntimeOptions,
  reference: string,
  digest: string,
  temporary: string,
  signal: AbortSignal,
): Promise<void> {
  const ref = parseImageRef(reference, 'localhost');
  if (!ref) throw new TaskStartError('ImagePullFailed', `The image ${reference} is no image reference.`);
  const args = [
    `--tmpdir=${temporary}`,
    'copy',
    '--quiet',
    '--retry-times=2',
    ...(options.insecureRegistries.includes(ref.registry) ? ['--src-tls-verify=false'] : []),
    ...(options.registryAuthFile ? ['--src-authfile', options.registryAuthFile] : ['--src-no-creds']),
    `docker://${reference}`,
    `containers-storage:[overlay@${paths.images}+${paths.imageRun}]${storeName(digest)}`,
  ];
  const result = await runProgram('skopeo', args, {
    timeoutMs: options.imagePullTimeoutMs,
    env: { PATH: process.env.PATH, HOME: '/nonexistent' },
    signal,
  });
  signal.throwIfAborted();
  if (result.timedOut) {
    throw new TaskStartError(
      'ImagePullFailed',
      `Pulling ${reference} took longer than ${Math.round(options.imagePullTimeoutMs / 1000)} s. Is its registry reachable from this host?`,
    );
  }
  if (result.code !== 0) throw new TaskStartError('ImagePullFailed', pullFailure(reference, result.stderr));
}
