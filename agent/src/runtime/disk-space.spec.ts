import { describe, expect, it } from 'vitest';
import { type DiskSpace, diskCapacityMiB, diskPressure } from './disk-space.js';
import { withoutZeros } from './disk-template.js';

const mib = 1024 * 1024;
const space = (totalMiB: number, freeMiB: number, more: Partial<DiskSpace> = {}): DiskSpace => ({
  totalBytes: totalMiB * mib,
  freeBytes: freeMiB * mib,
  totalInodes: 10_000,
  freeInodes: 10_000,
  ...more,
});

describe('the disk that tasks may have', () => {
  it.each([
    ['of a large disk, all but 2 GiB', space(100_000, 50_000), 0, 50_000 - 2048],
    ['of a small one, all but a tenth of it', space(1000, 500), 0, 400],
    ['with what tasks have written already', space(1000, 500), 300 * mib, 700],
    ['never less than nothing', space(1000, 50), 0, 0],
  ])('is, %s', (_, disk, own, expected) => {
    expect(diskCapacityMiB(disk, own)).toBe(expected);
  });
});

describe('pressure', () => {
  it.each([
    ['begins below half of the reserve', space(1000, 49), null, 'its disk has only 49 MiB left'],
    ['not before', space(1000, 50), null, null],
    ['stays until three quarters of it are free', space(1000, 74), 'before', 'its disk has only 74 MiB left'],
    ['and ends then', space(1000, 75), 'before', null],
    ['begins when inodes run out', space(1000, 900, { freeInodes: 199 }), null, 'its disk has only 199 of 10000 inodes left'],
    ['stays until 4 % of them are free', space(1000, 900, { freeInodes: 399 }), 'before', 'its disk has only 399 of 10000 inodes left'],
    ['does not count inodes where there is no limit to them', space(1000, 900, { totalInodes: 0, freeInodes: 0 }), null, null],
  ])('%s', (_, disk, before, expected) => {
    expect(diskPressure(disk, before)).toBe(expected);
  });
});

describe('what is written of a fresh file system', () => {
  it('is its blocks that are not zero, neighbours joined', () => {
    const data = Buffer.alloc(5 * 4096 + 10);
    data[4096] = 1;
    data[2 * 4096 + 5] = 1;
    data[5 * 4096 + 9] = 1;
    expect(withoutZeros(8192, data).map((block) => [block.offset, block.data.length])).toEqual([
      [8192 + 4096, 8192],
      [8192 + 5 * 4096, 10],
    ]);
  });
});
