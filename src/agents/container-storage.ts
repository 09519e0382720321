// What a container uses of volumes and secrets, as its host is told it. Most containers use nothing, and say nothing.
import type { ContainerDefinition, ContainerStorage, TaskVolume, VolumeSpec } from '@berth/contract';

export function toContainerStorage({ mountPoints, secrets, secretFiles, environmentFiles }: ContainerDefinition): ContainerStorage {
  return {
    ...(mountPoints?.length ? { mountPoints } : {}),
    ...(secrets?.length ? { secrets } : {}),
    ...(secretFiles?.length ? { secretFiles } : {}),
    ...(environmentFiles?.length ? { environmentFiles } : {}),
  };
}

/** A persistent volume as the task was given it when it was submitted. */
export interface HeldVolume {
  readonly id: string;
  readonly name: string;
  readonly sizeMiB: number;
  readonly readOnly: boolean;
}

/** @throws Error if the task does not hold a volume that its definition names. */
export function toVolumeSpecs(volumes: readonly TaskVolume[], held: readonly HeldVolume[]): VolumeSpec[] {
  return volumes.map(({ name, persistent, nfs }) => {
    if (nfs) return { kind: 'nfs', name, ...nfs };
    if (!persistent) return { kind: 'scratch', name };
    const volume = held.find((one) => one.name === persistent.volume);
    if (!volume) throw new Error(`the task does not hold the volume ${persistent.volume}`);
    return { kind: 'persistent', name, volumeId: volume.id, sizeMiB: volume.sizeMiB };
  });
}
