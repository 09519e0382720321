// Berth's engine as a packer: it learns lifetimes from age alone, and may empty hosts once an hour.
import { consolidate } from '../../../src/placement/engine/consolidate.js';
import { Engine } from '../../../src/placement/engine/engine.js';
import { lifetimeAgesS, lifetimeAt } from '../../../src/placement/engine/lifetime.js';
import type { PlaceRequest, ShapeSpec } from '../../../src/placement/engine/types.js';
import type { MachineSize } from '../machine-sizes.js';
import type { Packer } from './replay.js';
import type { Machine } from './workload.js';

const everyS = 3600;
const limits = { usedPercent: 65, hosts: 40, moves: 68, lifetime: 2 };

export class BerthPacker implements Packer {
  moves = 0;
  private readonly engine = new Engine();
  private readonly shapes = new Map<string, ShapeSpec>();
  private readonly requests = new Map<string, PlaceRequest>();
  private readonly hostOf = new Map<string, string>();
  /** In order of arrival; `aged[i]` of them have reached the i-th age. */
  private readonly arrivals: Machine[] = [];
  private readonly aged = lifetimeAgesS.map(() => 0);
  private opened = 0;
  private consolidateAtS = 0;
  private hostsAnHourAgo = 0;

  constructor(
    private readonly size: MachineSize,
    private readonly defragment: boolean,
  ) {}

  get hosts(): number {
    return this.engine.world.hosts.count;
  }

  advance(nowS: number): void {
    for (const [i, age] of lifetimeAgesS.entries()) this.age(i, age, nowS);
    if (!this.defragment || nowS < this.consolidateAtS) return;
    this.consolidateAtS = nowS + everyS;
    // A fleet that grows would open again what is closed now.
    if (this.hosts <= this.hostsAnHourAgo) this.consolidate();
    this.hostsAnHourAgo = this.hosts;
  }

  place(machine: Machine): void {
    const request = { task: machine.id, shape: this.shapeOf(machine) };
    let placement = this.engine.place(request);
    if (!placement.placed) {
      this.open();
      placement = this.engine.place(request);
    }
    if (!placement.placed) throw new Error(`Machine ${machine.id} does not fit on an empty host: raise --host-cores or --host-mem-gib.`);
    this.requests.set(machine.id, request);
    this.hostOf.set(machine.id, placement.host);
    this.arrivals.push(machine);
  }

  remove({ id }: Machine): void {
    const host = this.hostOf.get(id) ?? '';
    this.engine.release(id);
    this.requests.delete(id);
    this.hostOf.delete(id);
    const { hosts } = this.engine.world;
    if (hosts.tasks[hosts.handle(host)] === 0) this.close(host);
  }

  private age(index: number, ageS: number, nowS: number): void {
    let reached = this.aged[index] ?? 0;
    for (let machine = this.arrivals[reached]; machine && machine.arriveS + ageS <= nowS; machine = this.arrivals[++reached]) {
      this.engine.apply({ kind: 'expect', task: machine.id, lifetime: lifetimeAt(ageS) });
    }
    this.aged[index] = reached;
  }

  private consolidate(): void {
    for (const { host, moves } of consolidate(this.engine, limits, (task) => this.requests.get(task) ?? null)) {
      this.moves += moves.length;
      for (const { task, to } of moves) this.hostOf.set(task, to);
      this.close(host);
    }
  }

  private open(): void {
    const host = {
      id: `host-${this.opened++}`,
      zone: 'a',
      type: 'one',
      isolation: 'container',
      arch: 'amd64',
      capacity: this.size,
      attributes: {},
    };
    this.engine.apply({ kind: 'hostUp', host });
  }

  private close(host: string): void {
    this.engine.apply({ kind: 'hostDown', host });
  }

  private shapeOf({ cpuMillis, memoryMiB }: MachineSize): ShapeSpec {
    const key = `${cpuMillis}/${memoryMiB}`;
    const shape = this.shapes.get(key) ?? { size: { cpuMillis, memoryMiB }, tier: 'flex' as const };
    this.shapes.set(key, shape);
    return shape;
  }
}
