// What a container uses of secrets and volumes, as its host is told it. Most containers use none, and say nothing.
import type { ContainerDefinition, ContainerStorage } from '@berth/contract';

export function toContainerStorage({ secrets, secretFiles, environmentFiles, mountPoints }: ContainerDefinition): ContainerStorage {
  return {
    ...(secrets?.length ? { secrets } : {}),
    ...(secretFiles?.length ? { secretFiles } : {}),
    ...(environmentFiles?.length ? { environmentFiles } : {}),
    ...(mountPoints?.length
      ? {
          mountPoints: mountPoints.map(({ volume, containerPath, readOnly }) => ({
            volume,
            path: containerPath,
            readOnly: readOnly ?? false,
          })),
        }
      : {}),
  };
}
