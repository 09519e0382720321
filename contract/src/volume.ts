// Volumes: directories that containers share or that outlive their task, as tenants ask for them and see them.
import { z } from 'zod';
import { mountTargetSchema } from './container-fields.js';
import { nfsSourceSchema } from './nfs.js';
import { limits } from './sizes.js';

export const volumeNameSchema = z
  .string()
  .regex(
    /^[a-z0-9]([a-z0-9_.-]{0,61}[a-z0-9])?$/,
    'must be 1–63 lower-case letters, digits, "_", "." or "-", the last three not at the ends',
  );

export const volumeSizeMiBSchema = z
  .int()
  .min(limits.volumeSizeMiB.min)
  .max(limits.volumeSizeMiB.max)
  .describe(
    'A hard limit (ENOSPC), with one inode for each 16 KiB; the file system’s own tables, a few percent, count. It can’t be changed later.',
  );

export const createVolumeSchema = z.strictObject({ name: volumeNameSchema, sizeMiB: volumeSizeMiBSchema }).meta({ id: 'CreateVolume' });
export type CreateVolume = z.output<typeof createVolumeSchema>;

export const volumeStates = ['new', 'available', 'in-use', 'unreachable', 'lost'] as const;
export type VolumeState = (typeof volumeStates)[number];

export const volumeSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    sizeMiB: z.int(),
    state: z
      .enum(volumeStates)
      .describe(
        'new: it is on no host yet, and its first task will choose one. unreachable, lost: its host is; tasks that use it wait until the ' +
          'host is back. A host that is lost for good has taken what is in it along.',
      ),
    hostId: z.string().nullable().describe('Where it lives, from the first task on that used it. Tasks that use it run there.'),
    hostName: z.string().nullable(),
    usedBy: z
      .array(z.object({ taskId: z.string(), access: z.enum(['read', 'write']) }))
      .describe('Tasks that have not stopped, those that wait for it included.'),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'Volume' });
export type Volume = z.output<typeof volumeSchema>;

/** A volume of a task. What it is follows from what is given beside its name. */
export const taskVolumeSchema = z
  .strictObject({
    name: volumeNameSchema.describe('What the containers’ mountPoints call it.'),
    volume: volumeNameSchema.optional().describe('A persistent volume, made before with POST /v1/volumes: the task runs where that lives.'),
    nfs: nfsSourceSchema.optional().describe('A directory of an NFS server.'),
  })
  .refine(({ volume, nfs }) => volume === undefined || nfs === undefined, { path: ['nfs'], message: 'give either volume or nfs' })
  .describe('With neither volume nor nfs: scratch space on the task’s own disk, empty at the start and gone with the task.');
export type TaskVolume = z.output<typeof taskVolumeSchema>;

export const taskVolumesSchema = z.array(taskVolumeSchema).max(limits.volumesPerTask);

export const mountPointsSchema = z
  .array(
    z
      .strictObject({
        volume: volumeNameSchema.describe('A name of the task’s volumes.'),
        containerPath: mountTargetSchema,
        readOnly: z
          .boolean()
          .optional()
          .describe('Default: no. A task that mounts a persistent volume only so does not wait for the one that writes it.'),
      })
      .meta({ id: 'MountPoint' }),
  )
  .max(limits.volumesPerTask);
export type MountPoint = z.output<typeof mountPointsSchema>[number];
