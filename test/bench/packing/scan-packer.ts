// What others do, as exhaustive scans: the same rules without their systems around them.
import type { MachineSize } from '../machine-sizes.js';
import type { Packer } from './replay.js';
import type { Machine } from './workload.js';

interface OpenHost {
  freeCpu: number;
  freeMemory: number;
  tasks: number;
  /** 10 to the power of the free part, kept because powers are dear; see `nomad`. */
  cpuPower: number;
  memoryPower: number;
}

/** How bad a host is for a machine that fits: the lowest wins, the longest open of equals. */
type Badness = (host: OpenHost, machine: MachineSize, size: MachineSize) => number;

const leftParts: Badness = (host, machine, size) =>
  (host.freeCpu - machine.cpuMillis) / size.cpuMillis + (host.freeMemory - machine.memoryMiB) / size.memoryMiB;

export const policies = {
  firstFit: () => 0,
  /** Kubernetes' LeastAllocated, Docker's spread: the host with most left. */
  spread: (host, machine, size) => -leftParts(host, machine, size),
  /** Fenzo's cpuMemBinPacker, Kubernetes' MostAllocated: the mean of both parts in use. */
  bestFit: leftParts,
  /** Nomad's ScoreFitBinPack: 20 − (10^free CPU + 10^free memory), here on every host and not on a sample. */
  nomad: (host, machine, size) =>
    host.cpuPower * 10 ** (-machine.cpuMillis / size.cpuMillis) + host.memoryPower * 10 ** (-machine.memoryMiB / size.memoryMiB),
} as const satisfies Record<string, Badness>;

export class ScanPacker implements Packer {
  readonly moves = 0;
  private readonly open: OpenHost[] = [];
  private readonly at = new Map<string, OpenHost>();

  constructor(
    private readonly badness: Badness,
    private readonly size: MachineSize,
  ) {}

  get hosts(): number {
    return this.open.length;
  }

  advance(): void {}

  place(machine: Machine): void {
    const host = this.choose(machine) ?? this.openHost();
    this.at.set(machine.id, host);
    this.take(host, machine, 1);
  }

  remove(machine: Machine): void {
    const host = this.at.get(machine.id);
    if (!host) throw new Error(`Machine ${machine.id} is nowhere.`);
    this.at.delete(machine.id);
    this.take(host, machine, -1);
    if (host.tasks === 0) this.open.splice(this.open.indexOf(host), 1);
  }

  private choose(machine: Machine): OpenHost | null {
    let best: OpenHost | null = null;
    let least = Number.POSITIVE_INFINITY;
    for (const host of this.open) {
      if (host.freeCpu < machine.cpuMillis || host.freeMemory < machine.memoryMiB) continue;
      const badness = this.badness(host, machine, this.size);
      if (badness >= least) continue;
      best = host;
      least = badness;
    }
    return best;
  }

  private openHost(): OpenHost {
    const host = { freeCpu: this.size.cpuMillis, freeMemory: this.size.memoryMiB, tasks: 0, cpuPower: 10, memoryPower: 10 };
    this.open.push(host);
    return host;
  }

  private take(host: OpenHost, machine: Machine, sign: 1 | -1): void {
    host.freeCpu -= sign * machine.cpuMillis;
    host.freeMemory -= sign * machine.memoryMiB;
    host.tasks += sign;
    host.cpuPower = 10 ** (host.freeCpu / this.size.cpuMillis);
    host.memoryPower = 10 ** (host.freeMemory / this.size.memoryMiB);
  }
}
