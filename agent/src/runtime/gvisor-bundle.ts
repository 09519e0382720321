// A container's configuration as gVisor takes it. Pure, and made from the one for crun after that was checked, so that
// both tiers have the same confinement inside; gVisor's kernel then stands between all of it and the host's.
import type { TaskSpec } from '@berth/contract';
import type { IdRange } from './addresses.js';
import type { Bundle } from './bundle.js';

/** What it has no file system for, or must not show: the sandbox's own control groups are not the task's. */
const without = new Set(['/dev/mqueue', '/sys/fs/cgroup']);

/** Of gVisor's own. Sixty were seen with one process that sleeps, a hundred with one that writes. */
const ownThreads = 512;
/** For each process inside: one for every thread of gVisor that has ever run it. Nine were seen with forty processes. */
const threadsPerProcess = 16;

/** How many processes and threads of the host a task may have, that inside it has as many as it asks for. */
export function processesOnHost({ isolation, pidsLimit }: Pick<TaskSpec, 'isolation' | 'pidsLimit'>): number {
  return isolation === 'sandbox' ? ownThreads + threadsPerProcess * pidsLimit : pidsLimit;
}

/** @param ids of the task: gVisor makes a user namespace of its own and gives it these. */
export function sandboxBundle(bundle: Bundle, ids: IdRange) {
  const mapping = [{ containerID: 0, hostID: ids.first, size: ids.size }];
  const namespaces = bundle.linux.namespaces.filter(({ type }) => type !== 'cgroup' && type !== 'user');
  return {
    ...bundle,
    mounts: bundle.mounts.filter(({ destination }) => !without.has(destination)),
    linux: { ...bundle.linux, resources: {}, namespaces: [...namespaces, { type: 'user' }], uidMappings: mapping, gidMappings: mapping },
  };
}
