// Pools, machines and hosts for tests of the fleet's decisions, with everything that a test doesn't speak of filled in.
import type { PoolSettings } from '@berth/contract';
import type { Demand, FleetHost, FleetView, InstanceView, MachineView, PoolView } from '../../src/fleet/types.js';

export const nowMs = 1_800_000_000_000;

export const large = { name: 'm7i.large', cpuMillis: 2000, memoryMiB: 8000, onDemandPrice: '0.10', spotPrice: '0.04' };
export const xlarge = { name: 'm7i.xlarge', cpuMillis: 4000, memoryMiB: 16_000, onDemandPrice: '0.20', spotPrice: '0.08' };

export function pool(more: Partial<PoolSettings> = {}, id = 'p1'): PoolView {
  return {
    id,
    name: id,
    settings: {
      launchTemplate: { id: 'lt-0123456789abcdef0', version: '$Default' },
      instanceTypes: [large, xlarge],
      zones: ['a', 'b', 'c'].map((letter) => ({ name: `eu-1${letter}`, subnetId: `subnet-0000000${letter}` })),
      onDemandBase: 0,
      spotPercent: 0,
      minHosts: 0,
      maxHosts: 10,
      idleHosts: 0,
      cooldownSeconds: 300,
      emptyBelowPercent: 0,
      joinTimeoutSeconds: 600,
      isolation: ['container'],
      attributes: {},
      bootScript: 'exit 0',
      tags: {},
      ...more,
    },
  };
}

/** One that has long been there, unless said otherwise. */
export function machine(id: string, more: Partial<MachineView> = {}): MachineView {
  return {
    id,
    poolId: 'p1',
    state: 'joined',
    instanceType: large.name,
    zone: 'eu-1a',
    market: 'on-demand',
    instanceId: `i-${id}`,
    hostId: `h-${id}`,
    requestedAtMs: nowMs - 3_600_000,
    launchedAtMs: nowMs - 3_600_000,
    unneededSinceMs: null,
    drainFinal: false,
    endingSinceMs: null,
    ...more,
  };
}

export function hostOfMachine({ hostId, zone, instanceType }: MachineView, more: Partial<FleetHost> = {}): FleetHost {
  const { cpuMillis, memoryMiB } = instanceType === xlarge.name ? xlarge : large;
  return {
    spec: {
      id: hostId ?? '',
      zone,
      type: instanceType,
      isolation: 'container',
      arch: 'amd64',
      capacity: { cpuMillis, memoryMiB, addressSlots: 1000 },
      attributes: {},
    },
    seen: true,
    reachable: true,
    open: true,
    lost: false,
    interrupted: false,
    drained: false,
    hasVolumes: false,
    ...more,
  };
}

export function instanceOf({ id, instanceId, requestedAtMs }: MachineView, more: Partial<InstanceView> = {}): InstanceView {
  return { id: instanceId ?? `i-${id}`, machineId: id, state: 'running', launchedAtMs: requestedAtMs, interrupted: false, ...more };
}

/** Tasks of one CPU and a GiB, unless said otherwise. */
export function demand(count: number, size: Partial<Demand['shape']['size']> = {}, more: Partial<Demand> = {}): Demand {
  return { count, shape: { size: { cpuMillis: 1000, memoryMiB: 1024, ...size }, tier: 'flex' }, ...more };
}

/** Machines of the view have an instance each, and joined and draining ones a host; `more` goes over that. */
export function view(machines: readonly MachineView[], more: Partial<FleetView> = {}): FleetView {
  return {
    nowMs,
    pools: [pool()],
    machines,
    instances: machines.filter(({ instanceId }) => instanceId !== null).map((one) => instanceOf(one)),
    hosts: machines
      .filter(({ state }) => state === 'joined' || state === 'draining')
      .map((one) => hostOfMachine(one, { open: one.state === 'joined' })),
    held: [],
    pending: [],
    shortages: [],
    ...more,
  };
}
