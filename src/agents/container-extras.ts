// The fields of a container that most definitions leave out, as its host is told them: with every default filled in.
import { type ContainerDefinition, type ContainerExtras, type ContainerStorage, limits } from '@berth/contract';
import { toContainerStorage } from './container-storage.js';

const tmpfsDefaults = { mode: '1777', uid: 0, gid: 0, exec: false } as const;

export function toContainerExtras(container: ContainerDefinition): ContainerExtras & ContainerStorage {
  const { dns, capabilities } = container;
  return {
    hostname: container.hostname ?? null,
    labels: container.labels ?? {},
    tty: container.tty ?? false,
    ulimits: container.ulimits ?? [],
    tmpfs: (container.tmpfs ?? []).map(({ path, sizeMiB, ...own }) => ({ path, sizeMiB, ...tmpfsDefaults, ...given(own) })),
    shmSizeMiB: container.shmSizeMiB ?? limits.shmSizeMiB.default,
    sysctls: container.sysctls ?? {},
    extraHosts: container.extraHosts ?? [],
    dns: { servers: dns?.servers ?? [], search: dns?.search ?? [], options: dns?.options ?? [] },
    capabilities: { add: capabilities?.add ?? [], drop: capabilities?.drop ?? [] },
    delegateCgroup: container.delegateCgroup ?? false,
    startTimeoutSeconds: container.startTimeoutSeconds ?? null,
    ...toContainerStorage(container),
  };
}

/** Without what was left undefined, which would hide the default. */
function given<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
}
