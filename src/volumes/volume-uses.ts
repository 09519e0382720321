// The persistent volumes that a definition names, each with whether anything may be written to it. Pure.
import type { MountPoint, TaskVolume } from '@berth/contract';

export interface VolumeUser {
  readonly volumes?: readonly TaskVolume[] | undefined;
  readonly containers: readonly { readonly mountPoints?: readonly MountPoint[] | undefined }[];
}

export interface VolumeUse {
  readonly name: string;
  readonly write: boolean;
  /** Where the definition names it. */
  readonly field: string;
}

export function volumeUses({ volumes = [], containers }: VolumeUser): VolumeUse[] {
  const points = containers.flatMap(({ mountPoints = [] }) => mountPoints);
  return volumes.flatMap(({ name, volume }, index) => {
    if (volume === undefined) return [];
    const write = points.some((point) => point.volume === name && point.readOnly !== true);
    return [{ name: volume, write, field: `volumes.${index}.volume` }];
  });
}
