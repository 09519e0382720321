// The task table: who is where. Tasks of one host hang on a list, of which no decision depends on the order.
import { at, type Column, grown, widened } from './columns.js';
import type { Group } from './groups.js';
import type { Hosts } from './hosts.js';
import { IdTable } from './id-table.js';
import type { Shape } from './shape.js';

export interface TaskRow {
  readonly id: string;
  readonly shape: Shape;
  readonly group: Group | undefined;
  readonly born: number;
  readonly lifetime: number;
  readonly devices: number;
}

export class Tasks {
  private readonly byId = new IdTable();
  private readonly spare: number[] = [];
  shapes: Shape[] = new Array<Shape>(256);
  groups: (Group | undefined)[] = new Array<Group | undefined>(256);
  /** Order of placement: the higher, the younger. */
  born = new Float64Array(256);
  host: Column = new Int32Array(256);
  lifetime: Column = new Int32Array(256);
  /** GPU devices in use, one bit each. */
  devices: Column = new Int32Array(256);
  private next: Column = new Int32Array(256);
  private previous: Column = new Int32Array(256);
  private births = 0;
  private rows = 0;

  get count(): number {
    return this.byId.size;
  }

  get ids(): readonly string[] {
    return this.byId.ids;
  }

  handle(id: string): number {
    return this.byId.find(id);
  }

  add(id: string, shape: Shape, group: Group | undefined): number {
    const task = this.spare.pop() ?? this.rows++;
    if (task === this.host.length) this.grow();
    this.byId.add(id, task);
    this.shapes[task] = shape;
    this.groups[task] = group;
    this.born[task] = this.births++;
    this.lifetime[task] = shape.startsAs;
    this.devices[task] = 0;
    return task;
  }

  /** The handle becomes spare, to be given to the next task. */
  remove(task: number): void {
    this.byId.delete(task);
    this.spare.push(task);
  }

  rowOf(task: number): TaskRow {
    return {
      id: this.ids[task] as string,
      shape: this.shapes[task] as Shape,
      group: this.groups[task],
      born: this.born[task] as number,
      lifetime: at(this.lifetime, task),
      devices: at(this.devices, task),
    };
  }

  /** Takes back the newest `remove`, with what was in the row then: another task may have had it since. */
  restore(task: number, row: TaskRow): void {
    this.spare.pop();
    this.byId.add(row.id, task);
    this.shapes[task] = row.shape;
    this.groups[task] = row.group;
    this.born[task] = row.born;
    this.lifetime[task] = row.lifetime;
    this.devices[task] = row.devices;
  }

  /** Takes back the newest `add`, so that ages come out the same as if it had never been. */
  forget(task: number): void {
    this.remove(task);
    this.births--;
  }

  link(hosts: Hosts, task: number, host: number): void {
    const first = at(hosts.firstTask, host);
    this.host[task] = host;
    this.next[task] = first;
    this.previous[task] = -1;
    if (first >= 0) this.previous[first] = task;
    hosts.firstTask[host] = task;
  }

  unlink(hosts: Hosts, task: number): void {
    const next = at(this.next, task);
    const previous = at(this.previous, task);
    if (next >= 0) this.previous[next] = previous;
    if (previous >= 0) this.next[previous] = next;
    else hosts.firstTask[at(this.host, task)] = next;
  }

  /** The host's tasks, oldest first. */
  on(hosts: Hosts, host: number): number[] {
    const found: number[] = [];
    for (let task = at(hosts.firstTask, host); task >= 0; task = at(this.next, task)) found.push(task);
    return found.sort((a, b) => (this.born[a] as number) - (this.born[b] as number));
  }

  private grow(): void {
    const rows = this.host.length * 2;
    const born = new Float64Array(rows);
    born.set(this.born);
    this.born = born;
    this.shapes = widened(this.shapes, rows);
    this.groups = widened(this.groups, rows);
    this.host = grown(this.host, rows);
    this.lifetime = grown(this.lifetime, rows);
    this.devices = grown(this.devices, rows);
    this.next = grown(this.next, rows);
    this.previous = grown(this.previous, rows);
  }
}
