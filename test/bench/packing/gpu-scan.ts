// Others' rules on a fixed fleet with GPUs, as exhaustive scans. All of them give shares to the fullest device that fits.
import type { GpuHost, Pod } from './gpu-fleet.js';

interface Room {
  readonly host: GpuHost;
  cpu: number;
  memory: number;
  /** Thousandths free on each device. */
  readonly devices: number[];
}

export type GpuPolicy = (room: Room, pod: Pod) => number;

const leftParts: GpuPolicy = ({ host, cpu, memory }, pod) =>
  (cpu - pod.cpuMillis) / host.cpuMillis + (memory - pod.memoryMiB) / host.memoryMiB;

/** The lowest wins, the first of equals. */
export const gpuPolicies = {
  firstFit: () => 0,
  spread: (room, pod) => -leftParts(room, pod),
  bestFit: leftParts,
  nomad: ({ host, cpu, memory }, pod) => 10 ** ((cpu - pod.cpuMillis) / host.cpuMillis) + 10 ** ((memory - pod.memoryMiB) / host.memoryMiB),
} as const satisfies Record<string, GpuPolicy>;

export class GpuScan {
  private readonly rooms: Room[];

  constructor(
    hosts: readonly GpuHost[],
    private readonly policy: GpuPolicy,
  ) {
    this.rooms = hosts.map((host) => ({
      host,
      cpu: host.cpuMillis,
      memory: host.memoryMiB,
      devices: new Array<number>(host.gpus).fill(1000),
    }));
  }

  place(pod: Pod): boolean {
    let best: Room | null = null;
    let least = Number.POSITIVE_INFINITY;
    for (const room of this.rooms) {
      if (!fits(room, pod)) continue;
      const badness = this.policy(room, pod);
      if (badness >= least) continue;
      best = room;
      least = badness;
    }
    if (best) take(best, pod);
    return best !== null;
  }
}

function fits(room: Room, pod: Pod): boolean {
  if (room.cpu < pod.cpuMillis || room.memory < pod.memoryMiB) return false;
  if (pod.models.length > 0 && !pod.models.includes(room.host.model)) return false;
  if (pod.gpuMillis === 0) return true;
  if (pod.gpuMillis < 1000) return room.devices.some((free) => free >= pod.gpuMillis);
  return room.devices.filter((free) => free === 1000).length * 1000 >= pod.gpuMillis;
}

function take(room: Room, pod: Pod): void {
  room.cpu -= pod.cpuMillis;
  room.memory -= pod.memoryMiB;
  for (let left = pod.gpuMillis; left > 0; left -= Math.min(left, 1000)) {
    const part = Math.min(left, 1000);
    const fullest = room.devices.reduce((best, free, i) => (free >= part && (best < 0 || free < (room.devices[best] ?? 0)) ? i : best), -1);
    room.devices[fullest] = (room.devices[fullest] ?? 0) - part;
  }
}
