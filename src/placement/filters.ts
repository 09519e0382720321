// The checklist that a host must pass to take a task, in order; a host is counted at the first point it fails.
// A new constraint is a new entry here, and nothing else.
import { formatCpu, formatDisk, formatMemory, hostsInWords } from './amounts.js';
import { diskNeedOn, diskOf, type HostRoom, type HostView, type Shape } from './fleet.js';
import { homesInWords, livesElsewhere, writtenByOthers } from './volume-needs.js';

export interface Filter {
  readonly name: string;
  passes(room: HostRoom, shape: Shape): boolean;
  /** What was wrong, in words, of the hosts that this filter turned away (at least one). */
  detail(turnedAway: readonly HostRoom[], shape: Shape): string;
}

/** First, so that of a task that is bound to one host the other filters speak of that host alone. */
const volumes: Filter = {
  name: 'volumes',
  passes: ({ host, homes }, { needs }) => !livesElsewhere(homes, needs.volumes, host.id),
  detail: (turnedAway, { needs }) => homesInWords(turnedAway[0]?.homes ?? new Map(), needs.volumes),
};

const volumeWriter: Filter = {
  name: 'volume-writer',
  passes: ({ homes }, { needs }) => writtenByOthers(homes, needs.volumes).length === 0,
  detail(turnedAway, { needs }) {
    const [volume] = writtenByOthers(turnedAway[0]?.homes ?? new Map(), needs.volumes);
    return `another task writes the volume ${volume?.name}, and one may at a time: wait for its end, or mount the volume read-only`;
  },
};

const volumeKinds: Filter = {
  name: 'volume-kinds',
  passes: ({ host }, { needs }) => (needs.volumeKinds ?? []).every((kind) => kindsOf(host).includes(kind)),
  detail(turnedAway, { needs }) {
    const missing = (needs.volumeKinds ?? []).filter((kind) => turnedAway.some(({ host }) => !kindsOf(host).includes(kind)));
    return `${hostsInWords(turnedAway.length)} can make no ${missing.join(' and no ')} volumes`;
  },
};

const hostActive: Filter = {
  name: 'host-active',
  passes: ({ host }) => host.state === 'active',
  detail: (turnedAway) => `${hostsInWords(turnedAway.length)} not active: unreachable or lost`,
};

const taskSlots: Filter = {
  name: 'task-slots',
  passes: ({ free }) => free.taskSlots >= 1,
  detail: (turnedAway) => `every task slot is taken on ${hostsInWords(turnedAway.length)}`,
};

const isolation: Filter = {
  name: 'isolation',
  passes: ({ host }, { needs }) => needs.isolation === undefined || tiersOf(host).includes(needs.isolation),
  detail: (turnedAway, { needs }) => `${hostsInWords(turnedAway.length)} without the isolation tier ${needs.isolation}`,
};

const diskPressure: Filter = {
  name: 'disk-pressure',
  passes: ({ host }) => host.diskPressure === null,
  detail: (turnedAway) => `${hostsInWords(turnedAway.length)} short of disk: ${turnedAway[0]?.host.diskPressure}`,
};

const disk: Filter = {
  name: 'disk',
  passes: (room, shape) => room.free.diskMiB >= diskNeedOn(room, shape),
  detail(turnedAway, shape) {
    const largest = Math.max(...turnedAway.map(({ free }) => free.diskMiB));
    const whole = Math.max(...turnedAway.map(({ host }) => diskOf(host)));
    const need = turnedAway[0] ? diskNeedOn(turnedAway[0], shape) : 0;
    const needs = `needs ${formatDisk(need)}`;
    if (whole < need) return `${needs}; the largest host has ${formatDisk(whole)} in all`;
    return `${needs}; the most that is free on one host is ${formatDisk(Math.max(0, largest))}`;
  },
};

const hostPorts: Filter = {
  name: 'host-ports',
  passes: ({ ports }, { needs }) => !(needs.hostPorts ?? []).some((port) => ports.has(port)),
  detail(turnedAway, { needs }) {
    const taken = (needs.hostPorts ?? []).filter((port) => turnedAway.some(({ ports }) => ports.has(port)));
    return `another task has ${taken.join(', ')} on ${hostsInWords(turnedAway.length)}`;
  },
};

const cpu = sizeFilter('cpu', 'cpuMillis', formatCpu);
const memory = sizeFilter('memory', 'memoryMiB', formatMemory);

export const filters: readonly Filter[] = [
  volumes,
  hostActive,
  isolation,
  volumeKinds,
  volumeWriter,
  diskPressure,
  taskSlots,
  hostPorts,
  disk,
  cpu,
  memory,
];

/** An agent of before there were volumes says nothing. */
function kindsOf({ attributes }: HostView): string[] {
  return (attributes.volumes ?? '').split(',');
}

/** A host that doesn't say has containers, which every host has. */
function tiersOf({ attributes }: HostView): string[] {
  return (attributes.isolation ?? 'container').split(',');
}

function sizeFilter(name: string, size: 'cpuMillis' | 'memoryMiB', format: (amount: number) => string): Filter {
  return {
    name,
    passes: ({ free }, shape) => free[size] >= shape[size],
    detail(turnedAway, shape) {
      const largest = Math.max(...turnedAway.map(({ free }) => free[size]));
      const whole = Math.max(...turnedAway.map(({ host }) => host.capacity[size]));
      const needs = `needs ${format(shape[size])}`;
      if (whole < shape[size]) return `${needs}; the largest host has ${format(whole)} in all`;
      const where = turnedAway.filter(({ free }) => free[size] === largest).length;
      return `${needs}; the largest free is ${format(Math.max(0, largest))} on ${hostsInWords(where)}`;
    },
  };
}
