// What a definition asks for beside image and command, as lines for people. What it leaves to the defaults is left out.
import type { TaskDefinition } from '@berth/contract';
import { memory } from './format.js';
import { pairs } from './task-row.js';

type Container = TaskDefinition['containers'][number];
type Line = [name: string, value: string | null];

/** Of the task, and then of each container that asks for anything, under its name. */
export function askedSheet(definition: Pick<TaskDefinition, 'cpuBurst' | 'blockIoWeight' | 'containers' | 'volumes'>): Line[] {
  const task: Line[] = [
    ['CPU burst', definition.cpuBurst ? 'yes' : null],
    ['Block I/O weight', definition.blockIoWeight === undefined ? null : String(definition.blockIoWeight)],
    ['Volumes', list(definition.volumes?.map(volumeInWords))],
  ];
  const containers = definition.containers.map((container): Line => {
    const asked = containerLines(container).flatMap(([name, value]) => (value === null ? [] : [`${name} ${value}`]));
    return [container.name, asked.length > 0 ? asked.join('; ') : null];
  });
  return [...task, ...containers];
}

function containerLines(container: Container): Line[] {
  const { ulimits, tmpfs, mountPoints, extraHosts, dns, capabilities } = container;
  return [
    ['host name', container.hostname ?? null],
    ['user', container.user ?? null],
    ['terminal', container.tty ? 'yes' : null],
    ['root', container.readonlyRootFilesystem ? 'read-only' : null],
    ['init', container.init ? null : 'no'],
    ['control groups', container.delegateCgroup ? 'delegated' : null],
    ['labels', pairs(container.labels ?? {})],
    ['ulimits', list(ulimits?.map(({ name, soft, hard }) => `${name}=${soft}:${hard}`))],
    ['tmpfs', list(tmpfs?.map(({ path, sizeMiB }) => `${path} (${memory(sizeMiB)})`))],
    ['mounts', list(mountPoints?.map(({ volume, containerPath, readOnly }) => `${volume}:${containerPath}${readOnly ? ':ro' : ''}`))],
    ['/dev/shm', container.shmSizeMiB === undefined ? null : memory(container.shmSizeMiB)],
    ['sysctls', pairs(container.sysctls ?? {})],
    ['hosts', list(extraHosts?.map(({ hostname, address }) => `${hostname}=${address}`))],
    ['DNS', list([...(dns?.servers ?? []), ...(dns?.search ?? []), ...(dns?.options ?? [])])],
    [
      'capabilities',
      list([...(capabilities?.drop ?? []).map((name) => `-${name}`), ...(capabilities?.add ?? []).map((name) => `+${name}`)]),
    ],
    ['stop signal', container.stopSignal ?? null],
  ];
}

function volumeInWords({ name, volume, nfs }: NonNullable<TaskDefinition['volumes']>[number]): string {
  if (nfs) return `${name} (nfs://${nfs.server}${nfs.path})`;
  return volume === undefined ? `${name} (scratch)` : `${name} (persistent${volume === name ? '' : ` ${volume}`})`;
}

function list(items: readonly string[] | undefined): string | null {
  return items && items.length > 0 ? items.join(', ') : null;
}
