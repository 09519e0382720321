import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isShort, type KeptImage, type KeptLayer, orphans, pullFault, removable, spareSpaceOf } from './image-choice.js';

const gib = 1024 ** 3;
const space = (freeBytes: number, freeInodes = 1000) => ({ totalBytes: 100 * gib, freeBytes, totalInodes: 1000, freeInodes });

describe('when images go', () => {
  const spare = spareSpaceOf(space(0), null);

  it('is below the host’s reserve, and until there is half as much again', () => {
    expect(spare).toEqual({ belowBytes: 2 * gib, untilBytes: 3 * gib });
    expect([isShort(space(2 * gib), spare, false), isShort(space(2 * gib - 1), spare, false)]).toEqual([false, true]);
    expect([isShort(space(3 * gib), spare, true), isShort(space(3 * gib - 1), spare, true)]).toEqual([false, true]);
  });

  it('is also for want of inodes, where the file system has a number of them', () => {
    expect(isShort(space(50 * gib, 49), spare, false)).toBe(true);
    expect(isShort(space(50 * gib, 50), spare, false)).toBe(false);
    expect(isShort(space(50 * gib, 99), spare, true)).toBe(true);
    expect(isShort({ ...space(50 * gib, 0), totalInodes: 0 }, spare, false)).toBe(false);
  });

  it('is as the operator says, if they do', () => {
    const wanted = { belowBytes: 10 * gib, untilBytes: 20 * gib };
    expect(spareSpaceOf(space(0), wanted)).toEqual(wanted);
  });
});

describe('the images that may go', () => {
  const image = (digest: string | null, topLayer: string | null = null): KeptImage => ({ id: `id-${digest}`, digest, topLayer });

  it('are those that nobody needs and that Berth has pulled, the longest unused first', () => {
    const used: Record<string, number> = { a: 3, b: 1, c: 2, d: 0 };
    const found = removable([image('a'), image('b'), image('c'), image('d'), image(null)], new Set(['b']), (digest) => used[digest] ?? 0);
    expect(found.map(({ digest }) => digest)).toEqual(['d', 'c', 'a']);
  });
});

describe('the layers that may go', () => {
  const ids = ['a', 'b', 'c', 'd', 'e', 'f'];
  /** Each layer lies on one before it, or on none. */
  const layersAndImages = fc
    .tuple(
      fc.array(fc.nat(5), { minLength: ids.length, maxLength: ids.length }),
      fc.array(fc.nat(10), { minLength: ids.length, maxLength: ids.length }),
      fc.subarray(ids),
    )
    .map(([parents, times, tops]) => ({
      layers: ids.map((id, index): KeptLayer => {
        const parent = (parents[index] ?? 0) < index ? (ids[parents[index] ?? 0] ?? null) : null;
        return { id, parent, createdMs: times[index] ?? 0, unfinished: false };
      }),
      images: tops.map((topLayer): KeptImage => ({ id: `image-${topLayer}`, digest: topLayer, topLayer })),
    }));

  it('are never one that an image or a newer layer lies on, and come from the top down', () => {
    fc.assert(
      fc.property(layersAndImages, fc.nat(10), ({ layers, images }, beforeMs) => {
        const going = orphans(layers, images, beforeMs);
        const left = layers.filter(({ id }) => !going.includes(id));
        for (const { topLayer } of images) expect(going).not.toContain(topLayer);
        for (const { id, parent, createdMs } of layers) {
          if (createdMs >= beforeMs) expect(going).not.toContain(id);
          if (parent !== null && left.some((layer) => layer.id === id)) expect(going).not.toContain(parent);
          if (parent !== null && going.includes(id) && going.includes(parent))
            expect(going.indexOf(id)).toBeLessThan(going.indexOf(parent));
        }
        expect(orphans(left, images, beforeMs)).toEqual([]);
      }),
    );
  });

  it('are ended even if they lie on each other in a circle', () => {
    const round: KeptLayer[] = [
      { id: 'a', parent: 'b', createdMs: 0, unfinished: false },
      { id: 'b', parent: 'a', createdMs: 0, unfinished: false },
    ];
    expect([...orphans(round, [], 1)].sort()).toEqual(['a', 'b']);
  });
});

describe('a pull', () => {
  it('is too large by what it has written, and ended before the disk is full', () => {
    expect(pullFault(100, 100, space(50 * gib))).toBe(null);
    expect(pullFault(101, 100, space(50 * gib))).toBe('too-large');
    expect(pullFault(null, 100, space(50 * gib))).toBe(null);
    expect(pullFault(0, 100, space(gib / 2 - 1))).toBe('disk-full');
    expect(pullFault(0, 100, space(50 * gib, 9))).toBe('disk-full');
  });
});
