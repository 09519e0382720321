// The order in which a task's containers start: what a container may wait for in another, and which wishes make no
// sense. Stopping goes the other way round.
import { z } from 'zod';
import type { HealthCheck } from './health.js';
import type { RestartPolicy } from './restart-policy.js';
import { limits } from './sizes.js';

/**
 * What of the other container is waited for. `START`: its process was started. `COMPLETE`: it has ended for good.
 * `SUCCESS`: the same, with exit code 0. `HEALTHY`: its health check says so.
 */
export const dependencyConditions = ['START', 'COMPLETE', 'SUCCESS', 'HEALTHY'] as const;
export type DependencyCondition = (typeof dependencyConditions)[number];

const shape = { container: z.string().max(63), condition: z.enum(dependencyConditions) };

export const dependsOnSchema = z
  .array(z.strictObject(shape).meta({ id: 'ContainerDependency' }))
  .max(limits.containersPerTask.max - 1)
  .describe('Start only when each of these holds. Containers without a dependency start at once, side by side.');

/** On the wire: what is not known is left out. */
export const dependencySpecSchema = z.object(shape);
export type Dependency = z.output<typeof dependencySpecSchema>;

interface Dependent {
  readonly name: string;
  readonly essential: boolean;
  readonly dependsOn?: readonly Dependency[] | undefined;
  readonly healthCheck?: HealthCheck | null | undefined;
  readonly restartPolicy?: RestartPolicy | null | undefined;
}

export interface DependencyFault {
  readonly path: (string | number)[];
  readonly message: string;
}

/** Why these containers could never all start. Empty when they can. */
export function dependencyFaults(containers: readonly Dependent[]): DependencyFault[] {
  const faults = containers.flatMap((container, index) => {
    const seen = new Set<string>();
    return (container.dependsOn ?? []).flatMap((dependency, at) => {
      const message = faultOf(container, dependency, containers, seen);
      seen.add(dependency.container);
      return message === null ? [] : [{ path: ['containers', index, 'dependsOn', at], message }];
    });
  });
  const cycle = findCycle(containers);
  if (!cycle) return faults;
  const index = containers.findIndex(({ name }) => name === cycle[0]);
  const message = `makes a circle in which each waits for the next: ${cycle.join(' → ')}`;
  return [...faults, { path: ['containers', index, 'dependsOn'], message }];
}

function faultOf(of: Dependent, { container, condition }: Dependency, all: readonly Dependent[], seen: ReadonlySet<string>): string | null {
  const other = all.find(({ name }) => name === container);
  if (!other) return `names "${container}", which is no container of this task; it has ${all.map(({ name }) => name).join(', ')}`;
  if (other.name === of.name) return 'names the container itself';
  if (seen.has(container)) return `names "${container}" a second time`;
  if (condition === 'HEALTHY' && !other.healthCheck) return `waits for "${container}" to be HEALTHY, but that has no healthCheck`;
  if (condition !== 'COMPLETE' && condition !== 'SUCCESS') return null;
  if (other.essential) return `waits for "${container}" to end, but that is essential: its end ends the task. Set essential to false there`;
  if (startsForEver(other)) return `waits for "${container}" to end, but its restartPolicy starts it again after every exit`;
  return null;
}

function startsForEver({ restartPolicy }: Dependent): boolean {
  if (restartPolicy?.mode !== 'always' || restartPolicy.maxAttempts != null) return false;
  return !restartPolicy.ignoredExitCodes.includes(0);
}

/** @returns the names on a circle, the first one again at the end. */
function findCycle(containers: readonly Dependent[]): string[] | null {
  const byName = new Map(containers.map((container) => [container.name, container]));
  const done = new Set<string>();
  const visit = (name: string, path: readonly string[]): string[] | null => {
    const from = path.indexOf(name);
    // A container that waits for itself is told of by itself.
    if (from >= 0) return path.length - from > 1 ? [...path.slice(from), name] : null;
    if (done.has(name)) return null;
    for (const { container } of byName.get(name)?.dependsOn ?? []) {
      const cycle = visit(container, [...path, name]);
      if (cycle) return cycle;
    }
    done.add(name);
    return null;
  };
  for (const { name } of containers) {
    const cycle = visit(name, []);
    if (cycle) return cycle;
  }
  return null;
}
