// The mounts of a container that its definition asks for: volumes and secret files. Pure.
import { join } from 'node:path';
import type { ContainerSpec, VolumeSpec } from '@berth/contract';
import type { Mount } from './bundle.js';
import type { SecretMount } from './secrets.js';

const harmless = ['nosuid', 'nodev'];

/**
 * @param mounts where the task's volumes are on the host.
 * @throws Error when a mount point is of a volume that the task doesn't have.
 */
export function volumeMounts(
  { mountPoints = [] }: Pick<ContainerSpec, 'mountPoints'>,
  volumes: readonly VolumeSpec[] = [],
  mounts: string,
): Mount[] {
  return mountPoints.map(({ volume: name, path, readOnly }) => {
    if (!volumes.some((volume) => volume.name === name)) throw new Error(`the task has no volume ${name}`);
    return {
      destination: path,
      type: 'bind',
      source: join(mounts, name),
      options: ['bind', 'rprivate', readOnly ? 'ro' : 'rw', ...harmless],
    };
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
