// Volumes: what a task's containers share, what outlives a task, and what comes from a file server.
import { z } from 'zod';
import { mountTargetSchema } from './container-fields.js';
import { limits } from './sizes.js';

export const volumeNameSchema = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'must be 1–63 lower-case letters, digits or "-", not at the ends');

const nfsSchema = z
  .strictObject({
    server: z
      .string()
      .max(253)
      .regex(/^[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?$/, 'must be a host name or an IPv4 address'),
    path: z
      .string()
      .max(1024)
      .regex(/^\/[^\0,\s]*$/, 'must be an absolute path without blanks and commas'),
    readOnly: z.boolean().default(false),
  })
  .describe('A directory of an NFS 4 server. The operator has to allow the server on its hosts.')
  .meta({ id: 'NfsSource' });

/** Exactly one of the three says what it is. */
export const taskVolumeSchema = z
  .strictObject({
    name: volumeNameSchema.describe('How mountPoints call it.'),
    scratch: z.strictObject({}).optional().describe('Empty at the start, on the task’s disk, gone with the task.'),
    persistent: z
      .strictObject({ volume: volumeNameSchema })
      .meta({ id: 'PersistentSource' })
      .optional()
      .describe('A volume of POST /v1/volumes. The task runs where it lies.'),
    nfs: nfsSchema.optional(),
  })
  .refine((volume) => [volume.scratch, volume.persistent, volume.nfs].filter((kind) => kind !== undefined).length === 1, {
    path: ['scratch'],
    message: 'give one of scratch, persistent and nfs',
  })
  .meta({ id: 'TaskVolume' });
export type TaskVolume = z.output<typeof taskVolumeSchema>;

export const taskVolumesSchema = z.array(taskVolumeSchema).max(limits.volumesPerTask);

export const mountPointsSchema = z
  .array(
    z.strictObject({ volume: volumeNameSchema, path: mountTargetSchema, readOnly: z.boolean().default(false) }).meta({ id: 'MountPoint' }),
  )
  .max(limits.volumesPerTask);

export const createVolumeSchema = z
  .strictObject({
    name: volumeNameSchema,
    sizeMiB: z.int().min(limits.volumeMiB.min).max(limits.volumeMiB.max).describe('A hard limit; the file system’s own tables count.'),
  })
  .meta({ id: 'CreateVolume' });
export type CreateVolume = z.output<typeof createVolumeSchema>;

export const volumeStates = ['available', 'bound', 'deleting'] as const;

export const volumeSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    sizeMiB: z.int(),
    state: z
      .enum(volumeStates)
      .describe(
        'available: no task has used it yet. bound: it lies on a host. deleting: its host has not said yet that its data are gone.',
      ),
    host: z.object({ id: z.string(), name: z.string() }).nullable(),
    tasks: z.array(z.string()).describe('Ids of tasks that have it and have not stopped.'),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'Volume' });
export type Volume = z.output<typeof volumeSchema>;

interface WithMounts {
  readonly environment?: Readonly<Record<string, string>> | undefined;
  readonly mountPoints?: readonly { readonly volume: string; readonly path: string }[] | undefined;
  readonly secretFiles?: readonly { readonly path: string }[] | undefined;
  readonly secrets?: readonly { readonly name: string }[] | undefined;
  readonly tmpfs?: readonly { readonly path: string }[] | undefined;
}

export interface StorageFault {
  readonly path: (string | number)[];
  readonly message: string;
}

/** What is wrong between a definition's volumes and its containers' uses of them and of secrets. */
export function storageFaults(definition: {
  readonly volumes?: readonly { readonly name: string; readonly persistent?: { readonly volume: string } | undefined }[] | undefined;
  readonly containers: readonly WithMounts[];
}): StorageFault[] {
  const volumes = definition.volumes ?? [];
  const repeated = (names: readonly (string | undefined)[], field: string): StorageFault[] =>
    names.flatMap((name, index) =>
      name !== undefined && names.indexOf(name) < index ? [{ path: ['volumes', index, field], message: `"${name}" is given twice` }] : [],
    );
  const names = volumes.map(({ name }) => name);
  return [
    ...repeated(names, 'name'),
    ...repeated(
      volumes.map(({ persistent }) => persistent?.volume),
      'persistent',
    ),
    ...definition.containers.flatMap((container, index) => containerFaults(container, names, ['containers', index])),
  ];
}

function containerFaults(container: WithMounts, volumes: readonly string[], at: (string | number)[]): StorageFault[] {
  const { mountPoints = [], secretFiles = [], secrets = [], tmpfs = [] } = container;
  const unknown = mountPoints.flatMap(({ volume }, index) =>
    volumes.includes(volume) ? [] : [{ path: [...at, 'mountPoints', index, 'volume'], message: `the task has no volume "${volume}"` }],
  );
  const targets = [
    ...tmpfs.map(({ path }, index) => ({ path, at: [...at, 'tmpfs', index, 'path'] })),
    ...mountPoints.map(({ path }, index) => ({ path, at: [...at, 'mountPoints', index, 'path'] })),
    ...secretFiles.map(({ path }, index) => ({ path, at: [...at, 'secretFiles', index, 'path'] })),
  ];
  const taken = targets.flatMap((target, index) =>
    targets.findIndex(({ path }) => path === target.path) < index
      ? [{ path: target.at, message: `something else is mounted on ${target.path}` }]
      : [],
  );
  const twice = secrets.flatMap(({ name }, index) =>
    secrets.findIndex((other) => other.name === name) < index
      ? [{ path: [...at, 'secrets', index, 'name'], message: `"${name}" is given twice` }]
      : [],
  );
  return [...unknown, ...taken, ...twice];
}
