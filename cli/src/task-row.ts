// One task as a row or a sheet for people.
import type { Task } from '@berth/contract';
import { ago, cpu, duration, memory, shorten } from './format.js';

export const taskHead = ['TASK', 'NAME', 'DEFINITION', 'STATE', 'CREATED', 'HOST', 'ADDRESS'] as const;

export function taskRow(task: Task, nowMs: number): string[] {
  return [
    task.id.slice(0, 8),
    task.name ?? '',
    shorten(task.taskDefinition, 40),
    stateInWords(task, nowMs),
    ago(task.createdAt, nowMs),
    task.host?.name ?? '',
    task.address ?? '',
  ];
}

/** `running 3m`, `stopped (0) 2h ago`, `pending: needs 8192 MiB; …`. */
export function stateInWords(task: Task, nowMs: number): string {
  if (task.state === 'pending' && task.pending) return `pending: ${shorten(task.pending.summary, 60)}`;
  if (task.state === 'running' && task.startedAt) {
    const health = task.health === 'unknown' ? '' : ` (${task.health})`;
    return `running ${duration(nowMs - Date.parse(task.startedAt))}${health}`;
  }
  if (task.state !== 'stopped') return task.state;
  const codes = task.containers.flatMap(({ exitCode }) => (exitCode === null ? [] : [exitCode]));
  const how = codes.length > 0 ? codes.join(', ') : task.stopCode;
  return `stopped (${how})${task.stoppedAt ? ` ${ago(task.stoppedAt, nowMs)}` : ''}`;
}

/** Everything that is known about a task, in the order in which it came to be. */
export function taskSheet(task: Task, nowMs: number): [string, string | null][] {
  const when = (instant: string | null) => (instant ? `${instant} (${ago(instant, nowMs)})` : null);
  return [
    ['Task', task.id],
    ['Name', task.name],
    ['Definition', task.taskDefinition],
    ['State', task.desiredState === 'stopped' && task.state !== 'stopped' ? `${task.state}, to be stopped` : task.state],
    ['Size', `${cpu(task.cpuMillis)} CPU, ${memory(task.memoryMiB)}`],
    ['Frozen', task.frozen ? 'its processes are held; "berth thaw" lets them go on' : null],
    [
      'Asked for',
      task.adjustment
        ? `${cpu(task.adjustment.cpuMillis)} CPU, ${memory(task.adjustment.memoryMiB)}${task.adjustment.frozen ? ', frozen' : ''} (${task.adjustment.reason ?? 'the host has not answered'})`
        : null,
    ],
    ['Waits for', task.pending?.summary ?? null],
    ['Host', task.host ? `${task.host.name} (${task.host.id})` : null],
    ['Placed because', task.placement],
    ['If its host is drained', drainInWords(task)],
    ['Replaces', task.replaces],
    ['Replaced by', task.replacedBy],
    ['Address', task.address],
    ['Health', task.health === 'unknown' ? null : task.health],
    ['Protected until', task.protection.expiresAt],
    ['Submitted by', task.submittedBy],
    ['Tags', pairs(task.tags)],
    ['Created', when(task.createdAt)],
    ['Placed', when(task.placedAt)],
    ['Started', when(task.startedAt)],
    ['Stopped', when(task.stoppedAt)],
    ['Stop code', task.stopCode],
    ['Stop reason', task.stopReason],
    ['Start took', timings(task.startTimings)],
  ];
}

const drainWords = { replace: 'another task takes its place first', restart: 'it stops, and another starts then', wait: null } as const;

function drainInWords({ onHostDrain, state }: Task): string | null {
  return state === 'stopped' ? null : drainWords[onHostDrain];
}

export const containerHead = ['CONTAINER', 'STATE', 'HEALTH', 'EXIT', 'RESTARTS', 'IMAGE', 'REASON'] as const;

export function containerRows(task: Task, nowMs: number): string[][] {
  return task.containers.map((container) => [
    container.name,
    containerState(container, nowMs),
    container.health === 'unknown' ? '' : container.health,
    exitInWords(container),
    container.restartCount === 0 && !container.lastExit ? '' : String(container.restartCount),
    container.image,
    container.reason ?? container.healthReason ?? '',
  ]);
}

type Container = Task['containers'][number];

/** `waiting, again in 8s` between two attempts. */
function containerState({ state, nextStartAt }: Container, nowMs: number): string {
  return nextStartAt === null ? state : `${state}, again in ${duration(Math.max(0, Date.parse(nextStartAt) - nowMs))}`;
}

/** Of the attempt that runs there is none yet: then that of the one before. */
function exitInWords({ exitCode, signal, lastExit }: Container): string {
  const words = (code: number | null, by: string | null) => (code === null ? '' : `${code}${by ? ` (${by})` : ''}`);
  if (exitCode !== null || !lastExit) return words(exitCode, signal);
  return `last ${words(lastExit.exitCode, lastExit.signal)}`;
}

export function pairs(record: Readonly<Record<string, string>>): string | null {
  const entries = Object.entries(record);
  return entries.length === 0 ? null : entries.map(([key, value]) => `${key}=${value}`).join(', ');
}

/** `create 29.8 ms, sandbox 1.2 ms, image 0.4 ms`: what took longest comes first. */
function timings(parts: Readonly<Record<string, number>> | null): string | null {
  if (!parts) return null;
  return Object.entries(parts)
    .sort(([, one], [, other]) => other - one)
    .map(([name, ms]) => `${name} ${ms.toFixed(1)} ms`)
    .join(', ');
}
