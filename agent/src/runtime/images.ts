// Gets images into the store, each once at a time, and keeps what was read of them.
import { mkdir } from 'node:fs/promises';
import { parseImageRef } from '@berth/contract';
import { type Image, readImage, storeName } from './image-store.js';
import type { RuntimeOptions } from './options.js';
import type { Paths } from './paths.js';
import { runProgram } from './programs.js';
import { pullFailure } from './pull-failure.js';
import { TaskStartError } from './runtime.js';
import { unmount } from './syscalls.js';

export interface Images {
  /** The image, pulled if it is missing. Throws TaskStartError `ImagePullFailed` with the registry's words. */
  get(reference: string): Promise<Image>;
  /** The image if it is here; never pulls. */
  stored(reference: string): Promise<Image | null>;
  prepare(): Promise<void>;
  /** Takes away the mount that the storage library leaves behind. */
  tearDown(): void;
}

export function images(paths: Paths, options: RuntimeOptions): Images {
  const known = new Map<string, Image>();
  const pulls = new Map<string, Promise<Image>>();

  const find = async (reference: string): Promise<Image> => {
    const digest = digestOf(reference);
    const stored = (await readImage(paths, digest)) ?? (await pull(paths, options, reference, digest));
    known.set(digest, stored);
    return stored;
  };

  return {
    get: async (reference) => {
      const digest = digestOf(reference);
      const have = known.get(digest);
      if (have) return have;
      const running = pulls.get(digest);
      if (running) return running;
      const pulling = find(reference).finally(() => pulls.delete(digest));
      pulls.set(digest, pulling);
      return pulling;
    },
    stored: async (reference) => known.get(digestOf(reference)) ?? readImage(paths, digestOf(reference)),
    prepare: async () => {
      await mkdir(paths.layers, { recursive: true, mode: 0o700 });
      await mkdir(paths.imageRun, { recursive: true, mode: 0o700 });
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

async function pull(paths: Paths, options: RuntimeOptions, reference: string, digest: string): Promise<Image> {
  const ref = parseImageRef(reference, 'localhost');
  if (!ref) throw new TaskStartError('ImagePullFailed', `The image ${reference} is no image reference.`);
  const args = [
    'copy',
    '--quiet',
    '--retry-times=2',
    ...(options.insecureRegistries.includes(ref.registry) ? ['--src-tls-verify=false'] : []),
    ...(options.registryAuthFile ? ['--src-authfile', options.registryAuthFile] : ['--src-no-creds']),
    `docker://${reference}`,
    `containers-storage:[overlay@${paths.images}+${paths.imageRun}]${storeName(digest)}`,
  ];
  const started = options.clock.now();
  const result = await runProgram('skopeo', args, {
    timeoutMs: options.imagePullTimeoutMs,
    env: { PATH: process.env.PATH, HOME: '/nonexistent' },
  });
  if (result.timedOut) {
    throw new TaskStartError(
      'ImagePullFailed',
      `Pulling ${reference} took longer than ${Math.round(options.imagePullTimeoutMs / 1000)} s. Is its registry reachable from this host?`,
    );
  }
  if (result.code !== 0) throw new TaskStartError('ImagePullFailed', pullFailure(reference, result.stderr));
  const image = await readImage(paths, digest);
  if (!image) throw new TaskStartError('RuntimeFailed', `The image ${reference} was pulled, and is not in the store at ${paths.images}.`);
  options.log.info({ image: reference, durationMs: options.clock.now() - started, layers: image.layers.length }, 'image pulled');
  return image;
}
