// Pulls one image: skopeo fetches, verifies and unpacks it. Tried again where that may help, ended where it takes more of
// the disk than it may, and refused where what came is no honest image.
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseImageRef } from '@berth/contract';
import { backoffMs } from '../backoff.js';
import { inMiB } from './image-choice.js';
import { storeName } from './image-store.js';
import type { RuntimeOptions } from './options.js';
import type { Paths } from './paths.js';
import { type ProgramResult, runProgram } from './programs.js';
import { diskFullFailure, isDiskFull, mayPass, pullFailure, tooLargeFailure } from './pull-failure.js';
import { type PullWatch, watchPull } from './pull-watch.js';
import { TaskStartError } from './runtime.js';

type PullOptions = Pick<
  RuntimeOptions,
  'imagePullTimeoutMs' | 'imagePullRetries' | 'imageMaxBytes' | 'insecureRegistries' | 'registryAuthFile' | 'log'
>;

/** @throws TaskStartError, or the reason of `signal`. */
export async function pullImage(paths: Paths, options: PullOptions, reference: string, digest: string, signal: AbortSignal): Promise<void> {
  const giveUpAt = performance.now() + options.imagePullTimeoutMs;
  const { times } = options.imagePullRetries;
  for (let attempt = 0; ; attempt++) {
    const said = await tryOnce(paths, options, reference, digest, giveUpAt - performance.now(), signal);
    if (said === null) return;
    const waitMs = backoffMs(attempt, options.imagePullRetries, Math.random());
    const isLast = !mayPass(said) || attempt === times || performance.now() + waitMs >= giveUpAt;
    if (isLast) throw new TaskStartError('ImagePullFailed', pullFailure(reference, said, attempt + 1));
    options.log.warn({ image: reference, attempt: attempt + 1, waitMs, reason: pullFailure(reference, said, 1) }, 'a pull is tried again');
    await sleep(waitMs, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

/** @returns what skopeo said of its failure, or null if all went well. @throws TaskStartError where no other attempt will help. */
async function tryOnce(
  paths: Paths,
  options: PullOptions,
  reference: string,
  digest: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<string | null> {
  // A killed skopeo leaves its temporary files behind; here they are found.
  const directory = await mkdtemp(join(paths.pulls, 'pull-'));
  let result: ProgramResult;
  let fault: PullWatch['fault'] = null;
  try {
    ({ result, fault } = await runWatched(paths, options, argumentsFor(paths, options, reference, digest, directory), timeoutMs, signal));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  signal.throwIfAborted();
  if (fault === 'too-large') throw new TaskStartError('ImagePullFailed', tooLargeFailure(reference, inMiB(options.imageMaxBytes)));
  if (fault === 'disk-full' || (result.code !== 0 && isDiskFull(result.stderr)))
    throw new TaskStartError('HostRefused', diskFullFailure(reference));
  if (result.timedOut) {
    const seconds = Math.round(options.imagePullTimeoutMs / 1000);
    throw new TaskStartError(
      'ImagePullFailed',
      `Pulling ${reference} took longer than ${seconds} s. Is its registry reachable from this host?`,
    );
  }
  return result.code === 0 ? null : result.stderr;
}

async function runWatched(paths: Paths, options: PullOptions, args: readonly string[], timeoutMs: number, signal: AbortSignal) {
  const enough = new AbortController();
  let watch: PullWatch | null = null;
  try {
    const result = await runProgram('skopeo', args, {
      timeoutMs: Math.max(1, timeoutMs),
      env: { PATH: process.env.PATH, HOME: '/nonexistent' },
      signal: AbortSignal.any([signal, enough.signal]),
      onSpawn: (pid) => {
        watch = watchPull(pid, paths.images, options.imageMaxBytes, () => enough.abort());
      },
    });
    return { result, fault: (watch as PullWatch | null)?.fault ?? null };
  } finally {
    (watch as PullWatch | null)?.end();
  }
}

function argumentsFor(paths: Paths, options: PullOptions, reference: string, digest: string, temporary: string): string[] {
  const ref = parseImageRef(reference, 'localhost');
  if (!ref) throw new TaskStartError('ImagePullFailed', `The image ${reference} is no image reference.`);
  return [
    `--tmpdir=${temporary}`,
    'copy',
    '--quiet',
    ...(options.insecureRegistries.includes(ref.registry) ? ['--src-tls-verify=false'] : []),
    ...(options.registryAuthFile ? ['--src-authfile', options.registryAuthFile] : ['--src-no-creds']),
    `docker://${reference}`,
    `containers-storage:[overlay@${paths.images}+${paths.imageRun}]${storeName(digest)}`,
  ];
}
