// Pools: hosts of one zone, type, isolation tier, architecture and GPUs. What holds for one host of a pool holds for
// all, so static constraints are decided once a pool and shape, never once a host.
import { at, type Column, CPU, GPU, MEMORY, Names } from './columns.js';
import type { HostSpec } from './types.js';
import type { UndoLog } from './undo.js';

/** Beyond so many pools, hosts with different attributes share one, and attributes are checked host by host. */
const maxPools = 256;

export const cells = 64;

export class Pool {
  readonly hasGpus: boolean;
  /** The dimensions of the grid: the scarce ones. */
  readonly rowDimension: number;
  readonly columnDimension: number;
  /** Cells off balance weigh so much when more is left of the row dimension, or of the column dimension; see `leftOver`. */
  readonly rowTilt: number;
  readonly columnTilt: number;
  readonly columnWeight: number;
  rowStep = 1;
  columnStep = 1;
  /** Grows whenever capacity comes back; see Shape.failedAt. */
  epoch = 0;

  constructor(
    readonly id: number,
    readonly zone: number,
    /** The attributes that all its hosts have, or −1 if they differ. */
    readonly kind: number,
    readonly spec: HostSpec,
  ) {
    this.hasGpus = (spec.capacity.gpuMillis ?? 0) > 0;
    this.rowDimension = this.hasGpus ? GPU : CPU;
    this.columnDimension = this.hasGpus ? CPU : MEMORY;
    this.rowTilt = this.hasGpus ? 64 : 0;
    this.columnTilt = this.hasGpus ? 16 : 0;
    this.columnWeight = this.hasGpus ? 0 : 1;
  }

  /** Steps are capacity/64 of the largest host, so that common requests end on cell edges. @returns whether they grew. */
  fit(capacity: Column): boolean {
    const row = Math.max(1, Math.ceil(at(capacity, this.rowDimension) / cells));
    const column = Math.max(1, Math.ceil(at(capacity, this.columnDimension) / cells));
    if (row <= this.rowStep && column <= this.columnStep) return false;
    this.rowStep = Math.max(row, this.rowStep);
    this.columnStep = Math.max(column, this.columnStep);
    return true;
  }

  rowOf(amount: number): number {
    return Math.min(cells - 1, Math.trunc(amount / this.rowStep));
  }

  columnOf(amount: number): number {
    return Math.min(cells - 1, Math.trunc(amount / this.columnStep));
  }
}

/**
 * What would be left on a host, in cells of its pool's grid, as one number. Plain pools: the squared distance, which is best
 * fit. GPU pools: above all how far what is left is off balance, for a GPU without CPU is lost, and CPU without GPU nearly so.
 * Never below `rows²`, on which the search relies.
 */
export function leftOver(pool: Pool, rows: number, columns: number): number {
  const off = rows - columns;
  return rows * rows + pool.columnWeight * columns * columns + (off > 0 ? pool.rowTilt : pool.columnTilt) * off * off;
}

export class Pools {
  readonly list: Pool[] = [];
  /** Changes whenever the list or the steps of a pool do. */
  version = 0;
  private epochs = 0;
  readonly kinds: Readonly<Record<string, string>>[] = [];
  private readonly kindNames = new Names();
  private readonly byKey = new Map<string, Pool>();

  kindOf(attributes: Readonly<Record<string, string>>): number {
    const kind = this.kindNames.of(JSON.stringify(Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1))));
    this.kinds[kind] = attributes;
    return kind;
  }

  of(spec: HostSpec, zone: number, kind: number, undo: UndoLog): Pool {
    const make = JSON.stringify([
      spec.zone,
      spec.type,
      spec.isolation,
      spec.arch,
      spec.gpuModel ?? null,
      (spec.capacity.gpuMillis ?? 0) > 0,
    ]);
    const exact = `${make}#${kind}`;
    const key = this.byKey.has(exact) || this.list.length < maxPools ? exact : make;
    return this.byKey.get(key) ?? this.add(key, new Pool(this.list.length, zone, key === exact ? kind : -1, spec), undo);
  }

  /** Marks that capacity came back: failures remembered for the pool are out of date. Never the same number twice. */
  touch(pool: Pool): void {
    pool.epoch = ++this.epochs;
  }

  private add(key: string, pool: Pool, undo: UndoLog): Pool {
    this.list.push(pool);
    this.byKey.set(key, pool);
    this.version++;
    this.touch(pool);
    if (undo.recording) {
      undo.push(() => {
        this.list.pop();
        this.byKey.delete(key);
        this.version++;
      });
    }
    return pool;
  }
}
