// The GPU cluster of Alibaba's trace openb: a fixed fleet that gets more pods than it can take, until those asked for 130 %
// of its GPUs. Measured is the part of the GPUs that was given out.
import { Engine } from '../../../src/placement/engine/engine.js';
import type { ShapeSpec } from '../../../src/placement/engine/types.js';
import { Random } from '../random.js';
import { type GpuPolicy, GpuScan, gpuPolicies } from './gpu-scan.js';

export interface GpuHost {
  readonly id: string;
  readonly cpuMillis: number;
  readonly memoryMiB: number;
  readonly gpus: number;
  readonly model: string;
}

export interface Pod {
  readonly cpuMillis: number;
  readonly memoryMiB: number;
  readonly gpuMillis: number;
  readonly models: readonly string[];
}

export interface Allocated {
  readonly gpusAllocatedPercent: number;
  readonly perSeed: readonly number[];
}

const hostHeader = 'sn,cpu_milli,memory_mib,gpu,model';
export const podHeader = 'name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,';
const seeds = [1, 2, 3, 4, 5];
const demand = 1.3;

export function gpuHostsOf({ header, rows }: { header: string; rows: string[][] }): GpuHost[] {
  if (header !== hostHeader) throw new Error(`The file of hosts must have the columns ${hostHeader}, not ${header}.`);
  return rows.map(([id = '', cpu, memory, gpus, model = '']) => ({
    id,
    cpuMillis: Number(cpu),
    memoryMiB: Number(memory),
    gpus: Number(gpus),
    model,
  }));
}

export function podsOf(rows: readonly string[][]): Pod[] {
  return rows.map(([, cpu, memory, gpus, share, models = '']) => ({
    // One pod of the trace asks for no CPU at all.
    cpuMillis: Math.max(1, Number(cpu)),
    memoryMiB: Math.max(1, Number(memory)),
    gpuMillis: Number(gpus) > 1 ? Number(gpus) * 1000 : Number(gpus) * Number(share),
    models: models === '' ? [] : models.split('|'),
  }));
}

export function allocateGpus(hosts: readonly GpuHost[], pods: readonly Pod[]): Record<string, Allocated> {
  const results: Record<string, Allocated> = { berth: overSeeds(hosts, pods, () => berth(hosts)) };
  for (const [name, policy] of Object.entries(gpuPolicies)) results[name] = overSeeds(hosts, pods, () => scan(hosts, policy));
  return results;
}

type Place = (pod: Pod) => boolean;

function overSeeds(hosts: readonly GpuHost[], pods: readonly Pod[], make: () => Place): Allocated {
  const capacity = hosts.reduce((sum, host) => sum + host.gpus * 1000, 0);
  const perSeed = seeds.map((seed) => Math.round((10_000 * allocate(capacity, pods, new Random(seed), make())) / capacity) / 100);
  return { gpusAllocatedPercent: Math.round((100 * perSeed.reduce((sum, value) => sum + value, 0)) / seeds.length) / 100, perSeed };
}

/** @returns thousandths of GPUs given out. */
function allocate(capacity: number, pods: readonly Pod[], random: Random, place: Place): number {
  let asked = 0;
  let given = 0;
  while (asked < capacity * demand) {
    const pod = pods[random.below(pods.length)] as Pod;
    asked += pod.gpuMillis;
    if (place(pod)) given += pod.gpuMillis;
  }
  return given;
}

function berth(hosts: readonly GpuHost[]): Place {
  const engine = new Engine();
  for (const { id, cpuMillis, memoryMiB, gpus, model } of hosts) {
    const capacity = { cpuMillis, memoryMiB, gpuMillis: gpus * 1000 };
    const make = { zone: 'a', type: `${cpuMillis}/${memoryMiB}`, isolation: 'container', arch: 'amd64', attributes: {} };
    engine.apply({ kind: 'hostUp', host: { id, capacity, ...make, ...(model === '' ? {} : { gpuModel: model }) } });
  }
  const shapes = new Map<Pod, ShapeSpec>();
  let placed = 0;
  return (pod) => {
    const { cpuMillis, memoryMiB, gpuMillis, models } = pod;
    const fresh = { size: { cpuMillis, memoryMiB, gpuMillis }, tier: 'flex' as const, ...(models.length > 0 ? { gpuModels: models } : {}) };
    const shape = shapes.get(pod) ?? fresh;
    shapes.set(pod, shape);
    return engine.place({ task: `pod-${placed++}`, shape }).placed;
  };
}

function scan(hosts: readonly GpuHost[], policy: GpuPolicy): Place {
  const scanned = new GpuScan(hosts, policy);
  return (pod) => scanned.place(pod);
}
