// Keeps every host on the list of its cell. Two of these exist: over what is free, and over what evicting could free.
import { at, type Column, CPU, grown, MEMORY, SLOTS } from './columns.js';
import { cellOf, EMPTY, Grid, OUT } from './grid.js';
import { type Hosts, UP } from './hosts.js';
import type { Pools } from './pools.js';
import type { UndoLog } from './undo.js';

export class HostIndex {
  readonly grids: Grid[] = [];
  private cell: Column = new Int32Array(64).fill(OUT);
  private next: Column = new Int32Array(64).fill(-1);
  private previous: Column = new Int32Array(64).fill(-1);

  constructor(
    private readonly hosts: Hosts,
    private readonly pools: Pools,
    private readonly undo: UndoLog,
    /** What is indexed: the hosts' `free` or `reach`. */
    private readonly amounts: readonly Column[],
  ) {}

  after(host: number): number {
    return at(this.next, host);
  }

  isIn(host: number): boolean {
    return at(this.cell, host) !== OUT;
  }

  /** Puts the host where its columns say it belongs now. To be called after every change of them. */
  update(host: number): void {
    if (host >= this.cell.length) this.grow();
    const from = at(this.cell, host);
    const to = this.target(host);
    if (from === to) return;
    const before = at(this.previous, host);
    this.take(host, from);
    this.put(host, to, -1);
    if (this.undo.recording) this.undoMove(host, from, to, before);
  }

  private undoMove(host: number, from: number, to: number, before: number): void {
    this.undo.push(() => {
      this.take(host, to);
      this.put(host, from, before);
    });
  }

  private target(host: number): number {
    const { hosts, amounts } = this;
    if (at(hosts.state, host) !== UP) return OUT;
    if (amounts === hosts.reach && at(hosts.evictable, host) === 0) return OUT;
    if (amountOf(amounts, CPU, host) < 1 || amountOf(amounts, MEMORY, host) < 1 || amountOf(amounts, SLOTS, host) < 1) return OUT;
    if (at(hosts.tasks, host) === 0) return EMPTY;
    const pool = this.pools.list[at(hosts.pool, host)];
    if (!pool) return OUT;
    const row = pool.rowOf(amountOf(amounts, pool.rowDimension, host));
    const column = pool.columnOf(amountOf(amounts, pool.columnDimension, host));
    return cellOf(hosts.lifetimeOf(host), row, column);
  }

  private take(host: number, cell: number): void {
    if (cell === OUT) return;
    const next = at(this.next, host);
    const previous = at(this.previous, host);
    if (next >= 0) this.previous[next] = previous;
    if (previous >= 0) this.next[previous] = next;
    else this.gridOf(host).setFirst(cell, next);
  }

  private put(host: number, cell: number, after: number): void {
    this.cell[host] = cell;
    if (cell === OUT) return;
    const grid = this.gridOf(host);
    const next = after >= 0 ? at(this.next, after) : grid.first(cell);
    this.previous[host] = after;
    this.next[host] = next;
    if (next >= 0) this.previous[next] = host;
    if (after >= 0) this.next[after] = host;
    else grid.setFirst(cell, host);
  }

  private gridOf(host: number): Grid {
    const pool = at(this.hosts.pool, host);
    let grid = this.grids[pool];
    if (!grid) {
      grid = new Grid();
      this.grids[pool] = grid;
    }
    return grid;
  }

  private grow(): void {
    const rows = this.cell.length * 2;
    this.cell = grown(this.cell, rows, OUT);
    this.next = grown(this.next, rows, -1);
    this.previous = grown(this.previous, rows, -1);
  }
}

function amountOf(amounts: readonly Column[], dimension: number, host: number): number {
  return at(amounts[dimension] as Column, host);
}
