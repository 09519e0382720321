// What a control group has used, read from the texts of its files in either version of cgroups. Pure: the caller reads.
import type { GroupStats } from '@berth/contract';
import { type CgroupVersion, oomKillsIn } from './cgroup-values.js';

/** Counters as the kernel keeps them; a rate needs two of them. */
export type GroupCounters = Omit<GroupStats, 'cpu'> & { readonly cpu: Omit<GroupStats['cpu'], 'percent'> };

/** The text of a file of one group, '' if there is none. In v2 the controller does not matter. */
export type ReadGroupFile = (controller: string, file: string) => string;

const nsPerUs = 1000;
/** v1 says "no limit" with the largest multiple of a page; nothing real is as large. */
const unlimitedFrom = 2 ** 60;

export function countersOf(version: CgroupVersion, read: ReadGroupFile): GroupCounters {
  return version === 'v1' ? countersV1(read) : countersV2(read);
}

function countersV1(read: ReadGroupFile): GroupCounters {
  const cpu = keyed(read('cpu', 'cpu.stat'));
  const memory = keyed(read('memory', 'memory.stat'));
  const usageBytes = numberIn(read('memory', 'memory.usage_in_bytes'));
  const io = blkio(read('blkio', 'blkio.throttle.io_service_bytes_recursive'));
  const ops = blkio(read('blkio', 'blkio.throttle.io_serviced_recursive'));
  return {
    cpu: {
      usedNs: numberIn(read('cpuacct', 'cpuacct.usage')),
      periods: cpu('nr_periods'),
      throttledPeriods: cpu('nr_throttled'),
      throttledNs: cpu('throttled_time'),
    },
    memory: {
      workingSetBytes: Math.max(0, usageBytes - memory('total_inactive_file')),
      usageBytes,
      cacheBytes: memory('total_cache'),
      limitBytes: limitIn(String(memory('hierarchical_memory_limit'))),
      oomKills: oomKillsIn(read('memory', 'memory.oom_control')),
    },
    io: { readBytes: io.read, writeBytes: io.write, readOps: ops.read, writeOps: ops.write },
    pids: { current: numberIn(read('pids', 'pids.current')), limit: limitIn(read('pids', 'pids.max')) },
    pressure: null,
  };
}

function countersV2(read: ReadGroupFile): GroupCounters {
  const cpu = keyed(read('cpu', 'cpu.stat'));
  const memory = keyed(read('memory', 'memory.stat'));
  const usageBytes = numberIn(read('memory', 'memory.current'));
  return {
    cpu: {
      usedNs: cpu('usage_usec') * nsPerUs,
      periods: cpu('nr_periods'),
      throttledPeriods: cpu('nr_throttled'),
      throttledNs: cpu('throttled_usec') * nsPerUs,
    },
    memory: {
      workingSetBytes: Math.max(0, usageBytes - memory('inactive_file')),
      usageBytes,
      cacheBytes: memory('file'),
      limitBytes: limitIn(read('memory', 'memory.max')),
      oomKills: oomKillsIn(read('memory', 'memory.events')),
    },
    io: ioStat(read('io', 'io.stat')),
    pids: { current: numberIn(read('pids', 'pids.current')), limit: limitIn(read('pids', 'pids.max')) },
    pressure: pressureOf(read),
  };
}

function pressureOf(read: ReadGroupFile): GroupCounters['pressure'] {
  const [cpu, memory, io] = ['cpu', 'memory', 'io'].map((resource) => pressureIn(read(resource, `${resource}.pressure`)));
  return cpu || memory || io ? { cpu: cpu ?? null, memory: memory ?? null, io: io ?? null } : null;
}

/** `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`, and a line `full`, which older kernels lack for the CPU. */
export function pressureIn(text: string): { some10: number; some60: number; full10: number; full60: number } | null {
  const of = (kind: string, window: number) => Number(new RegExp(`^${kind} .*avg${window}=([\\d.]+)`, 'm').exec(text)?.[1] ?? Number.NaN);
  const [some10, some60] = [of('some', 10), of('some', 60)];
  if (Number.isNaN(some10) || Number.isNaN(some60)) return null;
  return { some10, some60, full10: of('full', 10) || 0, full60: of('full', 60) || 0 };
}

/** Lines `name value`. */
function keyed(text: string): (name: string) => number {
  const values = new Map(
    text.split('\n').map((line) => {
      const at = line.indexOf(' ');
      return [line.slice(0, at), numberIn(line.slice(at + 1))] as const;
    }),
  );
  return (name) => values.get(name) ?? 0;
}

/** Lines `8:0 Read 4096`, one device after the other. */
function blkio(text: string): { read: number; write: number } {
  const sum = (kind: string) =>
    [...text.matchAll(new RegExp(`^\\S+ ${kind} (\\d+)$`, 'gm'))].reduce((all, found) => all + Number(found[1]), 0);
  return { read: sum('Read'), write: sum('Write') };
}

/** Lines `8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0`. */
function ioStat(text: string): GroupCounters['io'] {
  const sum = (key: string) => [...text.matchAll(new RegExp(`\\b${key}=(\\d+)`, 'g'))].reduce((all, found) => all + Number(found[1]), 0);
  return { readBytes: sum('rbytes'), writeBytes: sum('wbytes'), readOps: sum('rios'), writeOps: sum('wios') };
}

function numberIn(text: string): number {
  const value = Number(text);
  return Number.isFinite(value) ? value : 0;
}

function limitIn(text: string): number | null {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  return Number.isFinite(value) && value > 0 && value < unlimitedFrom ? value : null;
}

/** One line of /proc/net/dev for each device, seen from the host: what it receives, the task has sent. */
export function networkIn(text: string, device: string): { rx: readonly number[]; tx: readonly number[] } | null {
  const at = text.indexOf(`${device}:`);
  if (at < 0 || (at > 0 && !/\s/.test(text[at - 1] ?? ''))) return null;
  const end = text.indexOf('\n', at);
  const numbers = text
    .slice(at + device.length + 1, end < 0 ? undefined : end)
    .trim()
    .split(/\s+/)
    .map(Number);
  return numbers.length >= 16 ? { rx: numbers.slice(0, 8), tx: numbers.slice(8, 16) } : null;
}
