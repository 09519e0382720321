// Turns a task and its definition into the order for a host: overrides merged, images pinned to what they meant at
// registration.
import {
  type DesiredTask,
  ephemeralStorageOf,
  formatImageRef,
  parseImageRef,
  secretReferences,
  type TaskDefinition,
  type TaskId,
  type TaskNetwork,
  type TaskOverrides,
  type TaskSpec,
  type TaskWish,
} from '@berth/contract';
import type { VolumeNeed } from '../placement/volume-needs.js';
import { toContainerExtras } from './container-extras.js';
import { toVolumeSpecs } from './volume-specs.js';

/** A definition as the database keeps it. */
export type StoredDefinition = Partial<
  Pick<
    TaskDefinition,
    | 'isolation'
    | 'networkMbps'
    | 'publishedPorts'
    | 'securityGroups'
    | 'ephemeralStorageMiB'
    | 'maxRunTimeSeconds'
    | 'cpuBurst'
    | 'blockIoWeight'
    | 'gpus'
    | 'volumes'
  >
> &
  Pick<TaskDefinition, 'pidsLimit' | 'containers' | 'userData'>;
type StoredContainer = StoredDefinition['containers'][number];
type ContainerOverride = TaskOverrides['containers'][number];

export interface SpecSource {
  readonly taskId: TaskId;
  readonly tenantId: string;
  readonly name: string | null;
  readonly cpuMillis: number;
  readonly memoryMiB: number;
  readonly family: string;
  readonly revision: number;
  readonly overrides: Pick<TaskOverrides, 'containers' | 'userData' | 'maxRunTimeSeconds' | 'securityGroups'> | null;
  readonly securityGroups: readonly string[];
  readonly definition: StoredDefinition;
  /** The persistent volumes that it uses. */
  readonly volumes?: readonly VolumeNeed[];
  /** What was wished since it runs. */
  readonly wish?: TaskWish | undefined;
}

export function usesSecrets({ containers }: Pick<StoredDefinition, 'containers'>): boolean {
  return containers.some((container) => secretReferences(container).length > 0);
}

/** @throws Error if a stored image is no image reference: the definition was not checked when it was registered. */
export function toTaskSpec(source: SpecSource, defaultRegistry: string): TaskSpec {
  const overrides = new Map(source.overrides?.containers?.map((override) => [override.name, override]));
  return {
    taskId: source.taskId,
    tenantId: source.tenantId,
    name: source.name,
    family: source.family,
    revision: source.revision,
    userData: source.overrides?.userData ?? source.definition.userData ?? null,
    cpuMillis: source.cpuMillis,
    memoryMiB: source.memoryMiB,
    pidsLimit: source.definition.pidsLimit,
    // Definitions of before there were two tiers say nothing.
    isolation: source.definition.isolation ?? 'container',
    ...(source.definition.gpus && { gpus: source.definition.gpus.count }),
    ephemeralStorageMiB: ephemeralStorageOf(source.definition),
    maxRunTimeSeconds: source.overrides?.maxRunTimeSeconds ?? source.definition.maxRunTimeSeconds ?? null,
    cpuBurst: source.definition.cpuBurst ?? false,
    blockIoWeight: source.definition.blockIoWeight ?? null,
    network: toTaskNetwork(source),
    ...toVolumeSpecs(source.definition.volumes, source.volumes),
    containers: source.definition.containers.map((container) => toContainerSpec(container, overrides.get(container.name), defaultRegistry)),
  };
}

export function toDesiredRunning(source: SpecSource, defaultRegistry: string): DesiredTask {
  const { taskId, wish } = source;
  return { taskId, desired: 'running', spec: toTaskSpec(source, defaultRegistry), ...(wish && { wish }) };
}

function toTaskNetwork({ securityGroups, definition, overrides }: SpecSource): TaskNetwork {
  return {
    securityGroups: [...securityGroups],
    publishedOpen: (overrides?.securityGroups ?? definition.securityGroups) === undefined,
    publishedPorts: [...(definition.publishedPorts ?? [])],
    mbps: definition.networkMbps ?? null,
  };
}

function toContainerSpec(
  container: StoredContainer,
  override: ContainerOverride | undefined,
  defaultRegistry: string,
): TaskSpec['containers'][number] {
  return {
    name: container.name,
    image: pinnedImage(container, defaultRegistry),
    entryPoint: container.entryPoint ?? null,
    command: override?.command ?? container.command ?? null,
    environment: { ...container.environment, ...override?.environment },
    workingDirectory: container.workingDirectory ?? null,
    user: container.user ?? null,
    essential: container.essential,
    cpuMillis: container.cpuMillis ?? null,
    memoryMiB: container.memoryMiB ?? null,
    readonlyRootFilesystem: container.readonlyRootFilesystem,
    init: container.init,
    stopSignal: container.stopSignal ?? null,
    stopTimeoutSeconds: container.stopTimeoutSeconds,
    dependsOn: container.dependsOn ?? [],
    healthCheck: container.healthCheck ?? null,
    restartPolicy: container.restartPolicy ?? null,
    ...toContainerExtras(container),
  };
}

function pinnedImage(container: StoredContainer, defaultRegistry: string): string {
  const ref = parseImageRef(container.image, defaultRegistry);
  if (!ref) throw new Error(`the definition's container ${container.name} has no valid image: ${container.image}`);
  return formatImageRef({ ...ref, tag: null, digest: container.imageDigest });
}
