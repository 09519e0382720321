// Whether a container may start: what it waits for in others, and whether that can still happen. Pure.
import type { ContainerSpec, Dependency, StopCode } from '@berth/contract';
import { type ContainerRecord, hasStarted, type TaskRecord } from './state.js';

export type Readiness =
  | { readonly is: 'ready' }
  /** Until this time at the most, if there is a limit. */
  | { readonly is: 'waiting'; readonly untilMs: number | null }
  /** The task has to stop: this container could never start. */
  | { readonly is: 'never'; readonly code: StopCode; readonly reason: string };

/** Dependencies hold back a container's first attempt only: once it ran, what it needed has been there. */
export function readinessOf(container: ContainerRecord, record: TaskRecord, nowMs: number): Readiness {
  if (hasStarted(container)) return { is: 'ready' };
  const all = specOf(record, container.name)?.dependsOn ?? [];
  const standings = all.map((dependency) => standingOf(container.name, dependency, record, nowMs));
  const never = standings.find(({ is }) => is === 'never');
  if (never) return never;
  const open = standings.filter((standing) => standing.is === 'waiting');
  if (open.length === 0) return { is: 'ready' };
  const limits = open.flatMap(({ untilMs }) => untilMs ?? []);
  return { is: 'waiting', untilMs: limits.length > 0 ? Math.min(...limits) : null };
}

/** Live containers that said they need this one: they stop before it. */
export function liveDependents(name: string, record: TaskRecord, isLive: (container: ContainerRecord) => boolean): ContainerRecord[] {
  const needs = (other: ContainerRecord) => specOf(record, other.name)?.dependsOn.some(({ container }) => container === name) ?? false;
  return record.containers.filter((other) => isLive(other) && needs(other));
}

function standingOf(dependent: string, { container: name, condition }: Dependency, record: TaskRecord, nowMs: number): Readiness {
  const other = record.containers.find((each) => each.name === name);
  const spec = specOf(record, name);
  if (!other || !spec) return never(dependent, `${name}, which is not in this task`);
  if (holds(other, condition)) return { is: 'ready' };
  const wish = `${name} to be ${condition}`;
  const obstacle = obstacleTo(other, spec, condition);
  if (obstacle !== null) return never(dependent, `${wish}, but that ${obstacle}`);
  if (condition === 'START' || spec.startTimeoutSeconds === null || other.firstStartAtMs === null) return { is: 'waiting', untilMs: null };
  const untilMs = other.firstStartAtMs + spec.startTimeoutSeconds * 1000;
  if (nowMs < untilMs) return { is: 'waiting', untilMs };
  const reason = `Container ${name} was not ${condition} within its start timeout of ${spec.startTimeoutSeconds} s; ${dependent} waits for that.`;
  return { is: 'never', code: 'StartTimeout', reason };
}

function holds(other: ContainerRecord, condition: Dependency['condition']): boolean {
  switch (condition) {
    case 'START':
      return hasStarted(other);
    case 'COMPLETE':
      return other.state === 'exited';
    case 'SUCCESS':
      return other.state === 'exited' && other.exitCode === 0;
    case 'HEALTHY':
      return other.state === 'running' && other.health === 'healthy';
    default:
      return condition satisfies never;
  }
}

/** Why it can't come true any more, or null. A container that has ended for good does not run again. */
function obstacleTo(other: ContainerRecord, spec: ContainerSpec, condition: Dependency['condition']): string | null {
  const how = other.signal ? `was ended by ${other.signal}` : `exited with code ${other.exitCode}`;
  if (condition === 'SUCCESS' && other.state === 'exited') return how;
  if (condition === 'HEALTHY' && other.state === 'exited') return `has ended: it ${how}`;
  const isSick = condition === 'HEALTHY' && other.health === 'unhealthy' && !spec.restartPolicy;
  return isSick ? `is unhealthy: ${other.healthReason ?? 'its check failed'}` : null;
}

function never(dependent: string, what: string): Readiness {
  return { is: 'never', code: 'DependencyFailed', reason: `Container ${dependent} waits for ${what}.` };
}

function specOf(record: TaskRecord, name: string): ContainerSpec | undefined {
  return record.spec?.containers.find((container) => container.name === name);
}
