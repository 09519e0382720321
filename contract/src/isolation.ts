// The two ways to keep a task's processes from the host's kernel, and what each leaves a task without.
import { z } from 'zod';

export const isolationTiers = ['container', 'sandbox'] as const;

export const isolationSchema = z
  .enum(isolationTiers)
  .describe(
    'container: namespaces, a user namespace, few capabilities and a system call filter. sandbox: the same under gVisor, a kernel ' +
      'of its own in user space: slower to start (about 0.4 s) and at system calls, for code that nobody trusts.',
  );
export type Isolation = z.output<typeof isolationSchema>;

/** gVisor's own kernel needs about 40 MiB of the task's memory. */
export const sandboxMemoryMiBMin = 64;

interface Asked {
  readonly isolation: Isolation;
  readonly memoryMiB: number;
  readonly containers: readonly object[];
  readonly volumes?: readonly { readonly nfs?: unknown }[] | undefined;
}

export interface IsolationFault {
  readonly path: (string | number)[];
  readonly message: string;
}

/** What the task asks for that its tier can't give, each with the reason. */
export function isolationFaults(definition: Asked): IsolationFault[] {
  if (definition.isolation !== 'sandbox') return [];
  const faults: IsolationFault[] = [];
  if (definition.memoryMiB < sandboxMemoryMiBMin)
    faults.push({
      path: ['memoryMiB'],
      message: `must be ${sandboxMemoryMiBMin} or more with isolation "sandbox": its kernel lives in it`,
    });
  if (definition.containers.length > 1)
    faults.push({ path: ['containers'], message: 'a sandbox holds one container: its network is inside it and can’t be shared' });
  for (const [index, { nfs }] of (definition.volumes ?? []).entries())
    if (nfs !== undefined)
      faults.push({
        path: ['volumes', index, 'nfs'],
        message: 'a sandbox can’t use NFS: take isolation "container", or a persistent volume',
      });
  for (const [index, container] of definition.containers.entries()) faults.push(...containerFaults(container, index));
  return faults;
}

/** Fields by name, because most of them are absent from most containers. */
const withoutHost = {
  sysctls: 'a sandbox’s kernel has none of the host’s settings: leave sysctls out',
} as const;

function containerFaults(container: object, index: number): IsolationFault[] {
  const given = container as Readonly<Record<string, unknown>>;
  const faults: IsolationFault[] = Object.entries(withoutHost)
    .filter(([field]) => isGiven(given[field]))
    .map(([field, message]) => ({ path: ['containers', index, field], message }));
  if (given.delegateCgroup === true)
    faults.push({
      path: ['containers', index, 'delegateCgroup'],
      message: 'a sandbox has no control groups inside: take isolation "container"',
    });
  return faults;
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null && (typeof value !== 'object' || Object.keys(value).length > 0);
}
