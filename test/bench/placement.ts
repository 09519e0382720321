// `npm run bench -- placement`: how fast the placement engine decides, on one core and without network or database.
// docs/placement.md tells what is measured and how to read it.
import { parseArgs } from 'node:util';
import { Engine } from '../../src/placement/engine/engine.js';
import type { PlaceRequest, ShapeSpec } from '../../src/placement/engine/types.js';
import { type MachineSize, randomSize } from './machine-sizes.js';
import { Random } from './random.js';
import { printResult, printTable } from './report.js';
import { percentile, round } from './statistics.js';

const hostSize = { cpuMillis: 64_000, memoryMiB: 262_144, addressSlots: 64 };
/** Part of the fleet's CPU that is in use while tasks come and go. */
const churnFill = 0.68;
const tasksPerGroup = 50;
const sampleEvery = 8;

interface Fill {
  readonly decisionsPerSecond: number;
  readonly hostsUsed: number;
  readonly bound: number;
}

interface ChurnResult {
  readonly pairsPerSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly refused: number;
}

/** @throws Error when the words are wrong. */
export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      hosts: { type: 'string', default: '10000' },
      pairs: { type: 'string', default: '300000' },
      seed: { type: 'string', default: '1' },
      json: { type: 'boolean', default: false },
    },
  });
  const [hosts, pairs, seed] = [whole('--hosts', values.hosts), whole('--pairs', values.pairs), whole('--seed', values.seed)];
  const filled = bestOf(8, () => fill(hosts, seed));
  const churned = churn(hosts, pairs, seed);
  printTable(
    ['', 'a second', 'p50 µs', 'p99 µs', 'hosts used', 'bound'],
    [
      [
        `fill, ${hosts} hosts, ${hosts * 10} tasks`,
        filled.decisionsPerSecond.toLocaleString('en'),
        '',
        '',
        `${filled.hostsUsed}`,
        `${filled.bound}`,
      ],
      [`churn, ${pairs} pairs`, churned.pairsPerSecond.toLocaleString('en'), `${churned.p50Us}`, `${churned.p99Us}`, '', ''],
    ],
  );
  if (churned.refused > 0) process.stdout.write(`${churned.refused} tasks of the churn fitted nowhere.\n`);
  const { decisionsPerSecond } = filled;
  const { pairsPerSecond, p50Us, p99Us } = churned;
  printResult({ hosts, fill: { decisionsPerSecond }, churn: { pairsPerSecond, p50Us, p99Us } }, values.json);
}

/** From empty: ten tasks a host, without constraints, as peers are usually measured. */
function fill(hosts: number, seed: number): Fill {
  const engine = fleet(hosts);
  const random = new Random(seed);
  const shapes = new ShapeBook();
  const requests = Array.from({ length: hosts * 10 }, (_, i) => ({ task: `task-${i}`, shape: shapes.of(randomSize(random), 'plain') }));
  const began = performance.now();
  for (const request of requests) engine.place(request);
  const seconds = (performance.now() - began) / 1000;
  const { tasks } = engine.world.hosts;
  const hostsUsed = tasks.filter((count) => count > 0).length;
  const cpu = requests.reduce((sum, { shape }) => sum + shape.size.cpuMillis, 0);
  const memory = requests.reduce((sum, { shape }) => sum + shape.size.memoryMiB, 0);
  const bound = Math.ceil(Math.max(cpu / hostSize.cpuMillis, memory / hostSize.memoryMiB));
  return { decisionsPerSecond: Math.round(requests.length / seconds), hostsUsed, bound };
}

/** Steady state: a random task leaves and another comes. 20 % want hosts of their own in their group, 30 % balanced zones. */
function churn(hosts: number, pairs: number, seed: number): ChurnResult {
  const engine = fleet(hosts);
  const load = new Load(engine, new Random(seed));
  load.fillTo(Math.trunc(hosts * hostSize.cpuMillis * churnFill));
  const warmUp = load.prepare(Math.ceil(pairs / 5));
  for (const request of warmUp) load.exchange(request);
  const requests = load.prepare(pairs);
  const samples: number[] = [];
  const began = performance.now();
  for (let i = 0; i < requests.length; i++) {
    const request = requests[i] as PlaceRequest;
    if (i % sampleEvery === 0) samples.push(load.timedExchange(request));
    else load.exchange(request);
  }
  const seconds = (performance.now() - began) / 1000;
  return {
    pairsPerSecond: Math.round(pairs / seconds),
    p50Us: round(percentile(samples, 0.5) * 1000),
    p99Us: round(percentile(samples, 0.99) * 1000),
    refused: load.refused,
  };
}

class Load {
  refused = 0;
  private readonly live: string[] = [];
  private readonly shapes = new ShapeBook();
  private made = 0;
  private groups = 1;

  constructor(
    private readonly engine: Engine,
    private readonly random: Random,
  ) {}

  fillTo(cpuMillis: number): void {
    this.groups = Math.max(1, Math.trunc(cpuMillis / 2000 / tasksPerGroup));
    for (let used = 0; used < cpuMillis; ) {
      const request = this.request();
      if (!this.engine.place(request).placed) throw new Error('The fleet is full before the measurement begins: raise --hosts.');
      this.live.push(request.task);
      used += request.shape.size.cpuMillis;
    }
  }

  /** Requests are made ahead, so that making them is not measured. */
  prepare(count: number): PlaceRequest[] {
    return Array.from({ length: count }, () => this.request());
  }

  exchange(request: PlaceRequest): void {
    this.leave();
    this.come(request);
  }

  /** @returns how long the placing took, in ms. */
  timedExchange(request: PlaceRequest): number {
    this.leave();
    const began = performance.now();
    const { placed } = this.engine.place(request);
    const took = performance.now() - began;
    this.note(request, placed);
    return took;
  }

  private come(request: PlaceRequest): void {
    this.note(request, this.engine.place(request).placed);
  }

  private note(request: PlaceRequest, placed: boolean): void {
    if (placed) this.live.push(request.task);
    else this.refused++;
  }

  private leave(): void {
    const place = this.random.below(this.live.length);
    const task = this.live[place] as string;
    this.live[place] = this.live[this.live.length - 1] as string;
    this.live.pop();
    this.engine.release(task);
  }

  private request(): PlaceRequest {
    const kind = this.random.below(100);
    const shape = this.shapes.of(randomSize(this.random), kind < 20 ? 'unique' : kind < 50 ? 'balanced' : 'plain');
    const task = `task-${this.made++}`;
    return kind < 50 ? { task, shape, group: `group-${this.random.below(this.groups)}` } : { task, shape };
  }
}

const kinds = { plain: {}, unique: { maxPerHost: 1 }, balanced: { balanceZones: true } } as const;

/** One frozen shape for each size and kind, as definitions have. */
class ShapeBook {
  private readonly shapes = new Map<string, ShapeSpec>();

  of({ cpuMillis, memoryMiB }: MachineSize, kind: keyof typeof kinds): ShapeSpec {
    const key = `${kind}/${cpuMillis}/${memoryMiB}`;
    const shape = this.shapes.get(key) ?? Object.freeze({ size: { cpuMillis, memoryMiB }, tier: 'flex' as const, ...kinds[kind] });
    this.shapes.set(key, shape);
    return shape;
  }
}

/** Twelve pools: three zones, two types, two isolation tiers. */
function fleet(hosts: number): Engine {
  const engine = new Engine();
  for (let i = 0; i < hosts; i++) {
    const host = {
      id: `host-${i}`,
      zone: `zone-${i % 3}`,
      type: `type-${Math.trunc(i / 3) % 2}`,
      isolation: Math.trunc(i / 6) % 2 === 0 ? 'container' : 'sandbox',
      arch: 'amd64',
      capacity: hostSize,
      attributes: {},
    };
    engine.apply({ kind: 'hostUp', host });
  }
  return engine;
}

/** The first runs also compile, and a fill takes so little time that one pause of the machine spoils it. */
function bestOf(times: number, measure: () => Fill): Fill {
  const results = Array.from({ length: times }, measure).sort((a, b) => b.decisionsPerSecond - a.decisionsPerSecond);
  return results[0] as Fill;
}

function whole(option: string, text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new Error(`${option} takes a whole number above 0, not ${text}.`);
  return Number(text);
}
