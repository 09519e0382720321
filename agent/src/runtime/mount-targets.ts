// Finds out where an image lets things land that Berth puts into it. An image may have a link in place of any
// directory. crun follows links inside the image only, but what was to hide one path would then hide another, and a
// working directory could become somebody's open descriptor. Pure.
import { posix } from 'node:path';

/** @returns the text of the link at a path of the image, or null if it is no link. Directories above it are none. */
export type LinkAt = (path: string) => string | null;

/** Not the image's: what is there is mounted or made after the image's links were looked at. */
const kernels = ['/proc', '/sys', '/dev'];
/** Linux follows as many in one path. */
const maxLinks = 40;

/**
 * @param targets where mounts are to be, besides those on and in /proc, /sys and /dev.
 * @returns what is wrong, in words for the task's owner, or null.
 */
export function imageFault(targets: readonly string[], workingDirectory: string, linkAt: LinkAt): string | null {
  for (const path of kernels) {
    const link = linkAt(path);
    if (link !== null) return `its image has a link to ${link} in place of ${path}. Make it a directory`;
  }
  for (const path of targets.filter((target) => !isKernels(target))) {
    const real = realPath(path, linkAt);
    if (real === null || real === '/' || isKernels(real))
      return `its image leads ${path} to ${real ?? 'nowhere'} by a link, where nothing can be mounted. Make it a directory`;
  }
  const directory = realPath(workingDirectory, linkAt);
  if (directory === null || isKernels(directory))
    return `its working directory ${workingDirectory} leads to ${directory ?? 'nowhere'} by a link of the image`;
  return null;
}

/**
 * What is in a volume can be changed at any moment, by another task too: no link in one may decide where something of ours
 * lands, or where a container begins.
 * @param volumes where they are to be mounted.
 * @returns what is wrong, in words for the task's owner, or null.
 */
export function volumeFault(
  volumes: readonly string[],
  targets: readonly string[],
  workingDirectory: string,
  linkAt: LinkAt,
): string | null {
  for (const volume of volumes) {
    const outer = realPath(volume, linkAt);
    const liesWithin = (path: string) => realPath(path, linkAt)?.startsWith(`${outer}/`) ?? false;
    const inner = targets.find((target) => !isKernels(target) && liesWithin(target));
    if (inner) return `${inner} lies in the volume on ${volume}, where nothing else can be mounted`;
    if (liesWithin(workingDirectory))
      return `its working directory ${workingDirectory} lies in the volume on ${volume}. Make it ${volume}, and change from there to the other by the command`;
  }
  return null;
}

export function isKernels(path: string): boolean {
  return kernels.some((own) => path === own || path.startsWith(`${own}/`));
}

/** Where a path leads inside the image, whether there is anything or not; null if its links go in a circle. */
export function realPath(path: string, linkAt: LinkAt): string | null {
  let real = '/';
  let links = 0;
  const left = path.split('/');
  for (let name = left.shift(); name !== undefined; name = left.shift()) {
    const next = posix.join(real, name);
    if (isKernels(next)) return posix.join(next, ...left);
    const link = next === real ? null : linkAt(next);
    if (link === null) {
      real = next;
      continue;
    }
    links += 1;
    if (links > maxLinks) return null;
    if (link.startsWith('/')) real = '/';
    left.unshift(...link.split('/'));
  }
  return real;
}
