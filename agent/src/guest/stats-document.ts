// What a task uses, in the JSON of Docker's stats, which is what ECS' /stats answers and its readers expect.
import { toInstant } from '../instant.js';
import type { GroupCounters } from '../runtime/cgroup-counters.js';
import type { TaskCounters } from '../runtime/stats-rates.js';

export interface StatsLook {
  readonly counters: TaskCounters;
  /** The look before, for rates; null at the first. */
  readonly before: TaskCounters | null;
  /** From which the host's CPU time is counted: only differences of it mean anything. */
  readonly sinceMs: number;
  readonly cpus: number;
}

/** @returns null when the container has not been started. */
export function containerStats(look: StatsLook, name: string, id: string) {
  const now = groupOf(look.counters, name);
  if (!now) return null;
  const before = look.before && groupOf(look.before, name);
  const { counters } = look;
  return {
    id,
    name,
    read: toInstant(counters.atMs),
    preread: toInstant(look.before?.atMs ?? 0),
    num_procs: 0,
    pids_stats: { current: now.pids.current, ...(now.pids.limit === null ? {} : { limit: now.pids.limit }) },
    cpu_stats: cpuStats(now, counters.atMs, look),
    precpu_stats: before && look.before ? cpuStats(before, look.before.atMs, look) : {},
    memory_stats: memoryStats(now),
    blkio_stats: blockStats(now),
    ...(counters.network ? { networks: { eth0: networkStats(counters.network) }, network_rate_stats: networkRates(look) } : {}),
  };
}

function groupOf(counters: TaskCounters, name: string): GroupCounters | null {
  return counters.containers.find((container) => container.name === name)?.counters ?? null;
}

function cpuStats({ cpu }: GroupCounters, atMs: number, { sinceMs, cpus }: StatsLook) {
  return {
    cpu_usage: { total_usage: cpu.usedNs, usage_in_kernelmode: 0, usage_in_usermode: 0 },
    system_cpu_usage: Math.max(0, atMs - sinceMs) * 1_000_000 * cpus,
    online_cpus: cpus,
    throttling_data: { periods: cpu.periods, throttled_periods: cpu.throttledPeriods, throttled_time: cpu.throttledNs },
  };
}

function memoryStats({ memory }: GroupCounters) {
  const inactive = memory.usageBytes - memory.workingSetBytes;
  return {
    usage: memory.usageBytes,
    stats: { cache: memory.cacheBytes, inactive_file: inactive, total_inactive_file: inactive },
    ...(memory.limitBytes === null ? {} : { limit: memory.limitBytes }),
  };
}

/** Of all devices together, which tasks don't see one by one. */
function blockStats({ io }: GroupCounters) {
  const entries = (read: number, write: number) => [
    { major: 0, minor: 0, op: 'Read', value: read },
    { major: 0, minor: 0, op: 'Write', value: write },
  ];
  return {
    io_service_bytes_recursive: entries(io.readBytes, io.writeBytes),
    io_serviced_recursive: entries(io.readOps, io.writeOps),
  };
}

type Network = NonNullable<TaskCounters['network']>;

function networkStats(network: Network) {
  return {
    rx_bytes: network.rxBytes,
    rx_packets: network.rxPackets,
    rx_errors: 0,
    rx_dropped: network.rxDropped,
    tx_bytes: network.txBytes,
    tx_packets: network.txPackets,
    tx_errors: 0,
    tx_dropped: network.txDropped,
  };
}

function networkRates({ counters, before }: StatsLook) {
  const seconds = before ? (counters.atMs - before.atMs) / 1000 : 0;
  const rate = (field: 'rxBytes' | 'txBytes') => {
    if (seconds <= 0 || !before?.network || !counters.network) return 0;
    return (counters.network[field] - before.network[field]) / seconds;
  };
  return { rx_bytes_per_sec: rate('rxBytes'), tx_bytes_per_sec: rate('txBytes') };
}
