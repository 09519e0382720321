// Plays a workload to a packer whose fleet grows and shrinks as it likes, and compares its hosts with the volume bound: the
// hosts that were needed if tasks could be cut to pieces.
import type { MachineSize } from '../machine-sizes.js';
import type { Machine } from './workload.js';

export interface Packer {
  /** Hosts that are open now. A packer opens one when nothing fits, and closes one when it is empty. */
  readonly hosts: number;
  readonly moves: number;
  /** Called in order of time, before what happens then. */
  advance(nowS: number): void;
  place(machine: Machine): void;
  remove(machine: Machine): void;
}

export interface Packed {
  readonly averageOverBoundPercent: number;
  readonly peakOverBoundPercent: number;
  readonly moves: number;
}

/** The trace starts cold, so its first day is not measured. */
const measureFromS = 86_400;

export function replay(machines: readonly Machine[], packer: Packer, host: MachineSize): Packed {
  const endS = machines.at(-1)?.arriveS ?? 0;
  if (endS <= measureFromS) throw new Error('The trace must cover more than a day: the first one is not measured.');
  const leaving = machines.filter(({ leaveS }) => leaveS <= endS).sort((a, b) => a.leaveS - b.leaveS || a.arriveS - b.arriveS);
  const gauge = new Gauge(host, endS);
  let next = 0;
  const leaveUntil = (timeS: number) => {
    for (let machine = leaving[next]; machine && machine.leaveS <= timeS; machine = leaving[++next]) {
      gauge.advance(machine.leaveS, packer.hosts);
      packer.remove(machine);
      gauge.count(machine, -1);
    }
  };
  for (const machine of machines) {
    leaveUntil(machine.arriveS);
    gauge.advance(machine.arriveS, packer.hosts);
    packer.advance(machine.arriveS);
    packer.place(machine);
    gauge.count(machine, 1);
  }
  leaveUntil(endS);
  gauge.advance(endS, packer.hosts);
  return gauge.result(packer.moves);
}

class Gauge {
  private lastS = 0;
  private cpuMillis = 0;
  private memoryMiB = 0;
  private hostSeconds = 0;
  private boundSeconds = 0;
  private peak = 0;
  private boundPeak = 0;

  constructor(
    private readonly host: MachineSize,
    private readonly endS: number,
  ) {}

  advance(nowS: number, hosts: number): void {
    const seconds = Math.min(nowS, this.endS) - Math.max(this.lastS, measureFromS);
    this.lastS = nowS;
    if (seconds <= 0) return;
    const bound = Math.max(this.cpuMillis / this.host.cpuMillis, this.memoryMiB / this.host.memoryMiB);
    this.hostSeconds += hosts * seconds;
    this.boundSeconds += bound * seconds;
    this.peak = Math.max(this.peak, hosts);
    this.boundPeak = Math.max(this.boundPeak, bound);
  }

  count(machine: MachineSize, sign: 1 | -1): void {
    this.cpuMillis += sign * machine.cpuMillis;
    this.memoryMiB += sign * machine.memoryMiB;
  }

  result(moves: number): Packed {
    const over = (value: number, bound: number) => Math.round((value / bound - 1) * 10_000) / 100;
    return {
      averageOverBoundPercent: over(this.hostSeconds, this.boundSeconds),
      peakOverBoundPercent: over(this.peak, this.boundPeak),
      moves,
    };
  }
}
