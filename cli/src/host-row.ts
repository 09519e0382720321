// One host, and its drain, as a row, a sheet or a line for people.
import type { Drain, Host } from '@berth/contract';
import { ago, cpu, duration, inert, memory } from './format.js';

export const hostHead = ['HOST', 'NAME', 'STATE', 'POOL', 'ZONE', 'TASKS', 'CPU USED', 'MEMORY USED', 'LAST SEEN'] as const;

export function hostRow(host: Host, nowMs: number): string[] {
  return [
    host.id.slice(0, 8),
    host.name,
    stateInWords(host),
    host.pool,
    host.zone,
    `${host.tasks} of ${host.taskSlots}`,
    `${cpu(host.usedCpuMillis)} of ${cpu(host.cpuMillis)}`,
    `${memory(host.usedMemoryMiB)} of ${memory(host.memoryMiB)}`,
    host.lastSeenAt ? ago(host.lastSeenAt, nowMs) : 'never',
  ];
}

/** `unreachable (draining)`: what is wanted of it is said also while it is not there. */
function stateInWords({ state, availability }: Host): string {
  return availability === 'open' || availability === state ? state : `${state} (${availability})`;
}

export function hostSheet(host: Host, drain: Drain | null, nowMs: number): [string, string | null][] {
  const shown = Object.entries(host.attributes).filter(([name]) => name !== 'zone' && name !== 'pool');
  return [
    ['Host', host.id],
    ['Name', host.name],
    ['State', stateInWords(host)],
    ['Pool', host.pool],
    ['Zone', host.zone],
    ['Tasks', `${host.tasks} of ${host.taskSlots}`],
    ['CPU', `${cpu(host.usedCpuMillis)} of ${cpu(host.cpuMillis)} used`],
    ['Memory', `${memory(host.usedMemoryMiB)} of ${memory(host.memoryMiB)} used`],
    ['Disk', host.diskMiB === null ? null : `${memory(host.usedDiskMiB)} of ${memory(host.diskMiB)} used`],
    ['Disk pressure', host.diskPressure],
    ['Enrolled', `${host.enrolledAt} (${ago(host.enrolledAt, nowMs)})`],
    ['Last seen', host.lastSeenAt && `${host.lastSeenAt} (${ago(host.lastSeenAt, nowMs)})`],
    ['Attributes', shown.map(([name, value]) => (name in host.operatorAttributes ? `${name}=${value}*` : `${name}=${value}`)).join(', ')],
    ['', Object.keys(host.operatorAttributes).length > 0 ? '* set by an operator' : null],
    ['Drain', drain && drainLine(drain, nowMs)],
  ];
}

const barWidth = 20;

/** `[########------------] 8 of 20 have left, 2 wait: its budget keeps 9 of 10 running; forced in 52m`. */
export function drainLine(drain: Drain, nowMs: number): string {
  const { tasksAtStart, tasksLeft, replaced, forced, outcome, startedAt, endedAt, deadlineAt } = drain;
  if (outcome !== null) {
    const took = endedAt ? ` after ${duration(Date.parse(endedAt) - Date.parse(startedAt))}` : '';
    return `${outcome}${took}: ${tasksAtStart} tasks, ${replaced} replaced, ${forced} stopped by the deadline`;
  }
  const whole = Math.max(tasksAtStart, tasksLeft);
  const done = whole === 0 ? barWidth : Math.floor((barWidth * (whole - tasksLeft)) / whole);
  const bar = `[${'#'.repeat(done)}${'-'.repeat(barWidth - done)}]`;
  const leftMs = Date.parse(deadlineAt) - nowMs;
  const deadline = leftMs > 0 ? `forced in ${duration(leftMs)}` : 'the deadline has come';
  return `${bar} ${whole - tasksLeft} of ${whole} have left${waitingInWords(drain)}; ${deadline}`;
}

/** What most of them wait for. */
function waitingInWords({ waiting }: Drain): string {
  const counts = new Map<string, number>();
  for (const { reason } of waiting) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const [most] = [...counts].sort(([, one], [, other]) => other - one);
  return most ? `, ${most[1]} wait: ${inert(most[0])}` : '';
}

export const waitingHead = ['TASK', 'REPLACED BY', 'WAITS FOR'] as const;

export function waitingRows({ waiting }: Drain): string[][] {
  return waiting.map(({ taskId, replacedBy, reason }) => [taskId.slice(0, 8), replacedBy?.slice(0, 8) ?? '', reason]);
}
