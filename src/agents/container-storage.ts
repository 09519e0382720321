// What a container uses of secrets, as its host is told it. Most containers use none, and say nothing.
import type { ContainerDefinition, ContainerStorage } from '@berth/contract';

export function toContainerStorage({ secrets, secretFiles, environmentFiles }: ContainerDefinition): ContainerStorage {
  return {
    ...(secrets?.length ? { secrets } : {}),
    ...(secretFiles?.length ? { secretFiles } : {}),
    ...(environmentFiles?.length ? { environmentFiles } : {}),
  };
}
