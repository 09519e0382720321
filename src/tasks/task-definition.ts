// A registered task definition: how it is named, shown, and what a task's overrides make of it.
import {
  type ContainerDefinition,
  defaultSecurityGroup,
  ephemeralStorageOf,
  limits,
  type RunTasks,
  type TaskDefinition,
  type TaskDefinitionId,
  type TaskDefinitionSpec,
  type TaskOverrides,
} from '@berth/contract';
import { ApiError } from '../errors.js';
import type { Needs } from '../placement/fleet.js';
import type { VolumeKind } from '../placement/volume-needs.js';

/** As stored: the tenant's definition with defaults filled in and each image's digest. */
export type RegisteredSpec = Omit<TaskDefinitionSpec, 'containers'> & {
  readonly containers: readonly (ContainerDefinition & { readonly imageDigest: string })[];
};

export interface Definition {
  readonly id: TaskDefinitionId;
  readonly family: string;
  readonly revision: number;
  readonly spec: RegisteredSpec;
  readonly createdAt: Date;
  readonly deregisteredAt: Date | null;
}

export interface DefinitionName {
  readonly family: string;
  /** Null: the newest. */
  readonly revision: number | null;
}

/** Reads `family` or `family:revision`. @returns null if it is neither. */
export function parseDefinitionName(text: string): DefinitionName | null {
  const match = /^([a-zA-Z0-9][a-zA-Z0-9_-]{0,127})(?::([1-9]\d{0,8}))?$/.exec(text);
  return match?.[1] ? { family: match[1], revision: match[2] === undefined ? null : Number(match[2]) } : null;
}

export function toApiDefinition({ id, family, revision, spec, createdAt, deregisteredAt }: Definition): TaskDefinition {
  return {
    id,
    family,
    revision,
    name: `${family}:${revision}`,
    cpuMillis: spec.cpuMillis,
    memoryMiB: spec.memoryMiB,
    pidsLimit: spec.pidsLimit,
    ephemeralStorageMiB: ephemeralStorageOf(spec),
    isolation: spec.isolation ?? 'container',
    ...(spec.maxRunTimeSeconds === undefined ? {} : { maxRunTimeSeconds: spec.maxRunTimeSeconds }),
    ...(spec.cpuBurst === undefined ? {} : { cpuBurst: spec.cpuBurst }),
    ...(spec.blockIoWeight === undefined ? {} : { blockIoWeight: spec.blockIoWeight }),
    ...networkFieldsOf(spec),
    ...placementFieldsOf(spec),
    ...(spec.volumes === undefined ? {} : { volumes: spec.volumes }),
    containers: [...spec.containers],
    ...(spec.userData === undefined ? {} : { userData: spec.userData }),
    ...(spec.onHostDrain === undefined ? {} : { onHostDrain: spec.onHostDrain }),
    ...(spec.disruptionBudget === undefined ? {} : { disruptionBudget: spec.disruptionBudget }),
    tags: spec.tags,
    createdAt: createdAt.toISOString(),
    deregisteredAt: deregisteredAt?.toISOString() ?? null,
  };
}

function networkFieldsOf({ networkMbps, publishedPorts, securityGroups }: RegisteredSpec) {
  return {
    ...(networkMbps === undefined ? {} : { networkMbps }),
    ...(publishedPorts === undefined ? {} : { publishedPorts }),
    ...(securityGroups === undefined ? {} : { securityGroups }),
  };
}

function placementFieldsOf({ gpus, placement, capacityTier }: RegisteredSpec) {
  return {
    ...(gpus === undefined ? {} : { gpus }),
    ...(placement === undefined ? {} : { placement }),
    ...(capacityTier === undefined ? {} : { capacityTier }),
  };
}

/** Names of the groups of a task of this definition. */
export function groupsOf(spec: RegisteredSpec, overrides: TaskOverrides | undefined): readonly string[] {
  return overrides?.securityGroups ?? spec.securityGroups ?? [defaultSecurityGroup];
}

/**
 * The size of a task of this definition.
 * @throws ApiError invalid_request when an override names no container of it, or is too small for one's own limit.
 */
export function taskSize(spec: RegisteredSpec, overrides: TaskOverrides | undefined): { cpuMillis: number; memoryMiB: number } {
  overrides?.containers.forEach(({ name }, index) => {
    if (!spec.containers.some((container) => container.name === name)) {
      const names = spec.containers.map((container) => container.name).join(', ');
      throw invalid(`overrides.containers.${index}.name`, `"${name}" is not a container of ${spec.family}; it has ${names}`);
    }
  });
  const size = { cpuMillis: overrides?.cpuMillis ?? spec.cpuMillis, memoryMiB: overrides?.memoryMiB ?? spec.memoryMiB };
  for (const field of ['cpuMillis', 'memoryMiB'] as const) {
    const tooLarge = spec.containers.find((container) => (container[field] ?? 0) > size[field]);
    if (tooLarge) throw invalid(`overrides.${field}`, `is less than the ${tooLarge[field]} that container ${tooLarge.name} may use`);
  }
  return size;
}

function invalid(field: string, problem: string): ApiError {
  return new ApiError('invalid_request', { detail: `${field} ${problem}.` }, { field });
}

/** What placement has to look for beside CPU and memory. @param request whose fields count before the definition's. */
export function needsOf(spec: RegisteredSpec, request: Pick<RunTasks, 'placement' | 'capacityTier' | 'group'> = {}): Needs {
  const diskMiB = ephemeralStorageOf(spec);
  const hostPorts = (spec.publishedPorts ?? []).flatMap(({ protocol, hostPort }) =>
    hostPort === undefined ? [] : `${protocol}/${hostPort}`,
  );
  const kinds = volumeKindsOf(spec.volumes);
  const image = imageOf(spec);
  return {
    ...(hostPorts.length > 0 ? { hostPorts: hostPorts.sort() } : {}),
    ...(spec.isolation === 'sandbox' ? { isolation: spec.isolation } : {}),
    ...(diskMiB === limits.ephemeralStorageMiB.default ? {} : { diskMiB }),
    ...(kinds.length > 0 ? { volumeKinds: kinds } : {}),
    ...(spec.containers.some(({ delegateCgroup }) => delegateCgroup) ? { delegateCgroup: true as const } : {}),
    ...(spec.networkMbps === undefined ? {} : { networkMbps: spec.networkMbps }),
    ...(spec.gpus === undefined ? {} : { gpus: spec.gpus }),
    ...(image === '' ? {} : { image }),
    ...placementNeeds(spec, request),
  };
}

/** Enough of the digest to tell images apart; kept with each task. */
function imageOf({ containers }: RegisteredSpec): string {
  const first = containers.find(({ essential }) => essential) ?? containers[0];
  return (first?.imageDigest ?? '').replace('sha256:', '').slice(0, 16);
}

function placementNeeds(
  spec: RegisteredSpec,
  request: Pick<RunTasks, 'placement' | 'capacityTier' | 'group'>,
): Pick<Needs, 'placement' | 'capacityTier' | 'family'> {
  const rules = { ...spec.placement, ...request.placement };
  const capacityTier = request.capacityTier ?? spec.capacityTier ?? 'flex';
  const counts = rules.uniqueHost || rules.maxPerHost !== undefined || rules.strategy === 'spread' || rules.zoneBalance;
  return {
    ...(Object.keys(rules).length > 0 ? { placement: rules } : {}),
    ...(capacityTier === 'flex' ? {} : { capacityTier }),
    ...(counts && request.group === undefined ? { family: spec.family } : {}),
  };
}

function volumeKindsOf(volumes: RegisteredSpec['volumes'] = []): VolumeKind[] {
  const isNfs = volumes.map(({ nfs }) => nfs !== undefined);
  return [...(isNfs.includes(false) ? (['local'] as const) : []), ...(isNfs.includes(true) ? (['nfs'] as const) : [])];
}
