// The checklist that a host must pass to take a task, in order; a host is counted at the first point it fails.
// A new constraint is a new entry here, and nothing else.
import { formatCpu, formatDisk, formatMemory, hostsInWords } from './amounts.js';
import { diskNeed, diskOf, type HostRoom, type HostView, type Shape } from './fleet.js';

export interface Filter {
  readonly name: string;
  passes(room: HostRoom, shape: Shape): boolean;
  /** What was wrong, in words, of the hosts that this filter turned away (at least one). */
  detail(turnedAway: readonly HostRoom[], shape: Shape): string;
}

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
  passes: ({ free }, shape) => free.diskMiB >= diskNeed(shape),
  detail(turnedAway, shape) {
    const largest = Math.max(...turnedAway.map(({ free }) => free.diskMiB));
    const whole = Math.max(...turnedAway.map(({ host }) => diskOf(host)));
    const needs = `needs ${formatDisk(diskNeed(shape))}`;
    if (whole < diskNeed(shape)) return `${needs}; the largest host has ${formatDisk(whole)} in all`;
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

export const filters: readonly Filter[] = [hostActive, isolation, diskPressure, taskSlots, hostPorts, disk, cpu, memory];

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
