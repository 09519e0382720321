// Random churn for the placement engine: steps of plain numbers, which fast-check can shrink, become commands that suit
// what is up and placed at that moment. Rare things (ports, GPUs, pins, shared labels) come often here: they are where bugs are.
import fc from 'fast-check';
import type {
  AttributeRule,
  Command,
  HostSpec,
  LabelRule,
  Lifetime,
  Outcome,
  PlaceRequest,
  ShapeSpec,
  Size,
  Tier,
} from '../../src/placement/engine/types.js';

/** How many operations all properties of a file run in sum; a million takes minutes. */
export const operations = Number(process.env.BERTH_OPERATIONS ?? 3000);
/** For a machine that has much else to do; shrinking a failure takes longest. */
export const patienceMs = 120_000 + 4 * operations;

export interface Step {
  readonly what: number;
  readonly which: number;
  readonly how: number;
}

const natural = fc.nat(0xffff);
export const stepArb: fc.Arbitrary<Step> = fc.record({ what: fc.nat(99), which: natural, how: natural });

const zones = ['a', 'b', 'c'];
/** Of groups that tasks are in, and of shapes that name one. */
export const budgets = ['s1', 's2', 's3'];
const pick = <T>(list: readonly T[], n: number): T => list[n % list.length] as T;
/** An independent number for each question asked about the same step. */
const mix = (n: number, salt: number): number => (Math.imul((n + 1) ^ (salt * 0x9e3779b1), 0x85ebca6b) >>> 8) & 0xffff;
const chance = (n: number, salt: number, percent: number): boolean => mix(n, salt) % 100 < percent;

function hostSpec(id: string, n: number): HostSpec {
  const gpus = chance(n, 1, 25) ? pick([1, 2, 4], mix(n, 2)) : 0;
  const large = chance(n, 3, 40);
  const capacity: Size = {
    cpuMillis: large ? 8000 : 4000,
    memoryMiB: (large ? 16 : 8) * 1024 + (chance(n, 4, 20) ? 100 : 0),
    diskMiB: 20_000,
    networkMbps: 1000,
    gpuMillis: gpus * 1000,
    addressSlots: pick([5, 12, 40], mix(n, 5)),
  };
  const rack: Record<string, string> = chance(n, 6, 50) ? { rack: pick(['r1', 'r2', 'r3'], mix(n, 7)) } : {};
  return {
    id,
    zone: pick(zones, mix(n, 8)),
    type: large ? 'large' : 'small',
    isolation: chance(n, 9, 80) ? 'container' : 'sandbox',
    arch: chance(n, 10, 85) ? 'amd64' : 'arm64',
    ...(gpus > 0 ? { gpuModel: pick(['T4', 'A10'], mix(n, 11)) } : {}),
    capacity,
    attributes: { ...rack, kernel: '6.1' },
  };
}

function attributeRule(n: number): AttributeRule {
  const op = pick(['in', 'notIn', 'exists', 'absent'] as const, mix(n, 20));
  return op === 'in' || op === 'notIn' ? { key: 'rack', op, values: ['r1', 'r2'] } : { key: 'rack', op };
}

function labelRules(n: number, salt: number, percent: number): LabelRule[] {
  if (!chance(n, salt, percent)) return [];
  return [{ label: pick(['app=a', 'app=b', 'app=c'], mix(n, salt + 1)), scope: chance(n, salt + 2, 75) ? 'host' : 'zone' }];
}

/** One of 400 shapes. */
export function shapeSpec(which: number): ShapeSpec {
  const n = which % 400;
  const gpuMillis = chance(n, 30, 15) ? pick([250, 500, 1000, 2000], mix(n, 31)) : 0;
  const tier: Tier = chance(n, 32, 25) ? 'spot' : chance(n, 33, 15) ? 'guaranteed' : 'flex';
  return {
    size: {
      cpuMillis: pick([10, 100, 250, 500, 1000, 1500, 4000], mix(n, 34)),
      memoryMiB: pick([16, 128, 512, 1000, 2048, 8192], mix(n, 35)),
      ...(chance(n, 36, 20) ? { diskMiB: 6000 } : {}),
      ...(chance(n, 37, 20) ? { networkMbps: 300 } : {}),
      ...(gpuMillis > 0 ? { gpuMillis } : {}),
    },
    tier,
    ...(tier === 'guaranteed' ? { capacityGroup: 'g' } : {}),
    ...(chance(n, 38, 15) ? { zones: ['a', 'b'] } : {}),
    ...(chance(n, 39, 15) ? { arch: 'amd64' } : {}),
    ...(chance(n, 40, 15) ? { isolation: 'sandbox' } : {}),
    ...(gpuMillis > 0 && chance(n, 41, 40) ? { gpuModels: ['T4'] } : {}),
    ...(chance(n, 42, 15) ? { attributes: [attributeRule(n)] } : {}),
    ...(chance(n, 43, 30) ? { labels: [pick(['app=a', 'app=b', 'app=c'], mix(n, 44))] } : {}),
    affinity: labelRules(n, 45, 8),
    antiAffinity: labelRules(n, 48, 15),
    ...(chance(n, 51, 15) ? { hostPorts: [pick([80, 443, 8080], mix(n, 52))] } : {}),
    ...(chance(n, 53, 4) ? { exclusiveHost: true } : {}),
    ...(chance(n, 54, 25) ? { maxPerHost: pick([1, 1, 2], mix(n, 55)) } : {}),
    ...(chance(n, 56, 20) ? { spread: true } : {}),
    ...(chance(n, 57, 25) ? { balanceZones: true } : {}),
    ...(chance(n, 58, 30) ? { image: pick(['web', 'db'], mix(n, 59)) } : {}),
    lifetime: pick([0, 1, 2, 3] as const, mix(n, 60)),
    ...(chance(n, 61, 30) ? { preemptible: true } : {}),
    ...(chance(n, 62, 25) ? { budget: pick(budgets, mix(n, 63)) } : {}),
  };
}

/** Turns steps into commands, keeping in mind which hosts are up and which tasks are placed. */
export class Churn {
  readonly hosts: string[] = [];
  readonly tasks: string[] = [];
  private made = 0;

  constructor(private readonly maxHosts: number) {}

  /** A copy that goes its own way from here. */
  branch(): Churn {
    const branch = new Churn(this.maxHosts);
    branch.hosts.push(...this.hosts);
    branch.tasks.push(...this.tasks);
    branch.made = this.made;
    return branch;
  }

  command({ what, which, how }: Step): Command {
    const host = pick(this.hosts, which);
    const task = pick(this.tasks, which);
    if (host === undefined || (what < 8 && this.hosts.length < this.maxHosts))
      return { kind: 'hostUp', host: hostSpec(`h${this.made++}`, how) };
    if (what < 10) return { kind: 'hostDown', host };
    if (what < 14) return { kind: chance(how, 70, 40) ? 'drain' : 'undrain', host };
    if (what < 17) return { kind: 'image', host, image: pick(['web', 'db'], how), present: chance(how, 71, 70) };
    if (what < 18) return { kind: 'reserve', group: 'g', size: { cpuMillis: (how % 20) * 1000, memoryMiB: (how % 20) * 2048 } };
    if (what < 19) return { kind: 'budget', group: pick(budgets, which), evictions: how % 4 };
    if (what < 21 && task !== undefined) return { kind: 'expect', task, lifetime: (how % 4) as Lifetime };
    if (what < 45 && task !== undefined) return { kind: 'release', task };
    if (what < 48) return { kind: 'placeGang', min: 1 + (how % 4), requests: Array.from({ length: 4 }, () => this.request(which, how)) };
    return { kind: 'place', request: this.request(which, how) };
  }

  /** Learns what came of a command. */
  note(command: Command, outcome: Outcome): void {
    if (command.kind === 'hostUp') this.hosts.push(command.host.id);
    if (command.kind === 'hostDown') this.hosts.splice(this.hosts.indexOf(command.host), 1);
    for (const placement of outcome.placements) {
      if (placement.placed) this.forget(placement.victims);
      if (placement.placed) this.tasks.push(placement.task);
    }
    this.forget(outcome.tasks);
  }

  private forget(tasks: readonly string[]): void {
    for (const task of tasks) this.tasks.splice(this.tasks.indexOf(task), 1);
  }

  private request(which: number, how: number): PlaceRequest {
    return {
      task: `t${this.made++}`,
      shape: shapeSpec(which),
      ...(chance(how, 80, 60) ? { group: pick(['s1', 's2', 's3', 's4'], mix(how, 81)) } : {}),
      ...(chance(how, 82, 4)
        ? { pin: { host: pick(this.hosts, mix(how, 83)) } }
        : chance(how, 84, 5)
          ? { pin: { zone: pick(zones, mix(how, 85)) } }
          : {}),
      preempt: chance(how, 86, 40),
    };
  }
}
