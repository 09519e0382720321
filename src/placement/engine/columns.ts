// Dimensions, and columns of integers: one typed array per property, one row per host or task. Rows are handles.
import type { Size } from './types.js';

export type Column = Int32Array;

export const dimensions = ['cpuMillis', 'memoryMiB', 'diskMiB', 'networkMbps', 'gpuMillis', 'addressSlots'] as const;
export const CPU = 0;
export const MEMORY = 1;
export const DISK = 2;
export const NETWORK = 3;
export const GPU = 4;
export const SLOTS = 5;

const most = 2 ** 31 - 1;

/** Reads a size as one integer per dimension. @throws RangeError for anything but integers from 0 to 2³¹ − 1. */
export function vectorOf(size: Size, defaultSlots: number): Column {
  return Int32Array.from(dimensions, (name) => {
    const value = size[name] ?? (name === 'addressSlots' ? defaultSlots : 0);
    if (!Number.isInteger(value) || value < 0 || value > most)
      throw new RangeError(`${name} must be an integer from 0 to ${most}, not ${value}`);
    return value;
  });
}

export function at(column: Column, row: number): number {
  return column[row] as number;
}

export function add(column: Column, row: number, delta: number): void {
  column[row] = (column[row] as number) + delta;
}

/** A copy with room for `rows`, new rows holding `fill`. */
export function grown(column: Column, rows: number, fill = 0): Column {
  const next = new Int32Array(rows);
  next.set(column);
  if (fill !== 0) next.fill(fill, column.length);
  return next;
}

/** The same for what isn't an integer. Left to grow by itself, an array is copied three times as often. */
export function widened<T>(list: readonly T[], rows: number): T[] {
  const next = new Array<T>(rows);
  for (let i = 0; i < list.length; i++) next[i] = list[i] as T;
  return next;
}

/** Strings as small integers, given out in the order of first sight. */
export class Names {
  private readonly byName = new Map<string, number>();
  readonly list: string[] = [];

  of(name: string): number {
    let id = this.byName.get(name);
    if (id === undefined) {
      id = this.list.length;
      this.byName.set(name, id);
      this.list.push(name);
    }
    return id;
  }

  known(name: string): number {
    return this.byName.get(name) ?? -1;
  }
}
