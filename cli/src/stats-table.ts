// What tasks use as a table for people. Pure.
import type { GroupStats, TaskStats } from '@berth/contract';

export const statsHead = ['TASK', 'CONTAINER', 'CPU', 'THROTTLED', 'MEMORY', 'NET RX / TX', 'DISK R / W', 'PIDS'] as const;

const shortId = 8;

/** One row for the task, and one for each container when there are several. */
export function statsRows({ taskId, task, containers, network }: TaskStats): string[][] {
  const net = network ? `${size(network.rxBytes)} / ${size(network.txBytes)}` : '';
  const whole = [taskId.slice(0, shortId), containers.length === 1 ? (containers[0]?.name ?? '') : '', ...cells(task, net)];
  return containers.length === 1 ? [whole] : [whole, ...containers.map(({ name, stats }) => ['', name, ...cells(stats, '')])];
}

function cells({ cpu, memory, io, pids }: GroupStats, net: string): string[] {
  const limit = memory.limitBytes === null ? '' : ` / ${size(memory.limitBytes)}`;
  return [
    cpu.percent === null ? '' : `${cpu.percent.toFixed(1)}%`,
    cpu.periods === 0 ? '' : `${((100 * cpu.throttledPeriods) / cpu.periods).toFixed(0)}%`,
    `${size(memory.workingSetBytes)}${limit}${memory.oomKills > 0 ? ` (${memory.oomKills} killed)` : ''}`,
    net,
    `${size(io.readBytes)} / ${size(io.writeBytes)}`,
    `${pids.current}${pids.limit === null ? '' : ` / ${pids.limit}`}`,
  ];
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** `0 B`, `512 B`, `1.5 KiB`, `64 MiB`. */
export function size(bytes: number): string {
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  const value = bytes / 1024 ** power;
  return `${value >= 100 || Number.isInteger(value) ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}
