// One pool's index: hosts on lists by (lifetime, free row dimension, free column dimension), 64 × 64 cells a lifetime, with
// bitmaps of what isn't empty. Empty hosts have a list of their own.
import { at, type Column } from './columns.js';
import { lifetimes } from './hosts.js';
import { cells } from './pools.js';

const perLifetime = cells * cells;
/** The list of empty hosts. */
export const EMPTY = lifetimes * perLifetime;
/** Not in the index: down, draining, taken or full. */
export const OUT = -1;

export function cellOf(lifetime: number, row: number, column: number): number {
  return lifetime * perLifetime + row * cells + column;
}

/** The lowest bit from `from` on that is set in the 64 bits at `word`, or −1. */
function nextBit(bits: Column, word: number, from: number): number {
  if (from >= cells) return -1;
  let half = from >> 5;
  let rest = at(bits, word + half) & (-1 << (from & 31));
  if (rest === 0) {
    if (half === 1) return -1;
    half = 1;
    rest = at(bits, word + 1);
    if (rest === 0) return -1;
  }
  return half * 32 + 31 - Math.clz32(rest & -rest);
}

export class Grid {
  readonly heads = new Int32Array(EMPTY + 1).fill(-1);
  /** The lifetimes that have hosts in cells, one bit each. */
  lived = 0;
  private readonly rows = new Int32Array(lifetimes * 2);
  private readonly columns = new Int32Array(lifetimes * cells * 2);

  first(cell: number): number {
    return at(this.heads, cell);
  }

  /** The lowest row from `from` on that has hosts, or −1. */
  nextRow(lifetime: number, from: number): number {
    return nextBit(this.rows, lifetime * 2, from);
  }

  /** The lowest column from `from` on that has hosts in the row which begins at cell `line`, or −1. */
  nextColumn(line: number, from: number): number {
    return nextBit(this.columns, line / (cells / 2), from);
  }

  /** Sets the head of a cell's list, and what the bitmaps say about the cell. */
  setFirst(cell: number, host: number): void {
    const before = at(this.heads, cell);
    this.heads[cell] = host;
    if (cell === EMPTY || before < 0 === host < 0) return;
    const line = cell >> 6;
    const column = cell & (cells - 1);
    const lifetime = line >> 6;
    const row = line & (cells - 1);
    flip(this.columns, line * 2, column);
    const left = at(this.columns, line * 2) | at(this.columns, line * 2 + 1);
    const marked = nextBit(this.rows, lifetime * 2, row) === row;
    if ((left !== 0) === marked) return;
    flip(this.rows, lifetime * 2, row);
    const rows = at(this.rows, lifetime * 2) | at(this.rows, lifetime * 2 + 1);
    this.lived = rows === 0 ? this.lived & ~(1 << lifetime) : this.lived | (1 << lifetime);
  }
}

function flip(bits: Column, word: number, bit: number): void {
  const index = word + (bit >> 5);
  bits[index] = at(bits, index) ^ (1 << (bit & 31));
}
