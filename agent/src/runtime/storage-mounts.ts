// The mounts of a container that its definition asks for: volumes and secret files. Pure.
import { join } from 'node:path';
import type { ContainerSpec, VolumeSpec } from '@berth/contract';
import type { Mount } from './bundle.js';
import type { SecretMount } from './secrets.js';

const harmless = ['nosuid', 'nodev'];

/** Where volumes of a task are on the host. */
export interface VolumePlaces {
  readonly scratch: string;
  readonly mounts: string;
}

/** @throws Error when a mount point is of a volume that the task doesn't have. */
export function volumeMounts(
  { mountPoints = [] }: Pick<ContainerSpec, 'mountPoints'>,
  volumes: readonly VolumeSpec[] = [],
  places: VolumePlaces,
): Mount[] {
  return mountPoints.map(({ volume: name, path, readOnly }) => {
    const volume = volumes.find((one) => one.name === name);
    if (!volume) throw new Error(`the task has no volume ${name}`);
    const source = join(volume.persistent || volume.nfs ? places.mounts : places.scratch, name);
    return { destination: path, type: 'bind', source, options: ['bind', 'rprivate', readOnly ? 'ro' : 'rw', ...harmless] };
  });
}

export function storageMounts(files: readonly SecretMount[]): Mount[] {
  return files.map(({ source, path }) => ({
    destination: path,
    type: 'bind',
    source,
    options: ['bind', 'rprivate', 'ro', 'noexec', ...harmless],
  }));
}
