// Which images and layers of the store may go, and when. Decides only; image-sweep.ts carries it out.
import { type DiskSpace, reserveBytes } from './disk-space.js';

/** Unused images begin to go when less than `belowBytes` is free on their disk, and go until `untilBytes` are. */
export interface SpareSpace {
  readonly belowBytes: number;
  readonly untilBytes: number;
}

export interface KeptImage {
  /** The store's own name for it. */
  readonly id: string;
  /** Null for one that Berth has not pulled. */
  readonly digest: string | null;
  readonly topLayer: string | null;
}

export interface KeptLayer {
  readonly id: string;
  readonly parent: string | null;
  readonly createdMs: number;
  /** It is being unpacked, or was when that ended. */
  readonly unfinished: boolean;
}

const inodesBelow = 0.05;
const inodesUntil = 0.1;
const mib = 1024 * 1024;

/** @param wanted as configured; null: as much as the host's reserve, and half as much again. */
export function spareSpaceOf(space: DiskSpace, wanted: SpareSpace | null): SpareSpace {
  const reserve = reserveBytes(space);
  return wanted ?? { belowBytes: reserve, untilBytes: reserve * 1.5 };
}

/** @param relieving whether images are being removed already, which goes on a little longer than it takes to begin. */
export function isShort(space: DiskSpace, spare: SpareSpace, relieving: boolean): boolean {
  if (space.freeBytes < (relieving ? spare.untilBytes : spare.belowBytes)) return true;
  return space.totalInodes > 0 && space.freeInodes < space.totalInodes * (relieving ? inodesUntil : inodesBelow);
}

/** Those that may go, the one that nobody has wanted for the longest time first. @param lastUsedMs of a digest */
export function removable(
  images: readonly KeptImage[],
  inUse: ReadonlySet<string>,
  lastUsedMs: (digest: string) => number,
): (KeptImage & { readonly digest: string })[] {
  return images
    .flatMap((image) => (image.digest === null || inUse.has(image.digest) ? [] : [{ ...image, digest: image.digest }]))
    .sort((a, b) => lastUsedMs(a.digest) - lastUsedMs(b.digest) || (a.digest < b.digest ? -1 : 1));
}

/** A layer and those below it. */
export function chainOf(top: string | null, layers: readonly KeptLayer[]): string[] {
  const parents = new Map(layers.map(({ id, parent }) => [id, parent]));
  const chain = new Set<string>();
  for (let id = top; id !== null && !chain.has(id); id = parents.get(id) ?? null) chain.add(id);
  return [...chain];
}

/**
 * Layers that belong to no image: what pulls have left that did not come to their end. Those on top come first, for one
 * that carries another can't be removed.
 * @param beforeMs when the oldest pull that is under way began: what is newer may be its own.
 */
export function orphans(layers: readonly KeptLayer[], images: readonly KeptImage[], beforeMs: number): string[] {
  const roots = [...images.map(({ topLayer }) => topLayer), ...layers.flatMap(({ id, createdMs }) => (createdMs >= beforeMs ? id : []))];
  const kept = new Set(roots.flatMap((top) => chainOf(top, layers)));
  return layers
    .flatMap(({ id }) => (kept.has(id) ? [] : { id, depth: chainOf(id, layers).length }))
    .sort((a, b) => b.depth - a.depth)
    .map(({ id }) => id);
}

/**
 * Why a pull must not go on, or null. Its limit is the tenant's doing; that the disk runs full is the host's.
 * @param writtenBytes what the pull has written, packed and unpacked; null where the kernel does not count it.
 */
export function pullFault(writtenBytes: number | null, maxBytes: number, space: DiskSpace): 'too-large' | 'disk-full' | null {
  if (writtenBytes !== null && writtenBytes > maxBytes) return 'too-large';
  // Below what keeps new tasks away (disk-space.ts), so that a pull that only comes near it is not ended.
  if (space.freeBytes < reserveBytes(space) * 0.25) return 'disk-full';
  return space.totalInodes > 0 && space.freeInodes < space.totalInodes * 0.01 ? 'disk-full' : null;
}

export function inMiB(bytes: number): number {
  return Math.round(bytes / mib);
}
