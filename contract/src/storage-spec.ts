// What a host is told of the secrets and volumes that a task uses. Absent from what older control planes send and older
// journals hold.
import { z } from 'zod';

/** A volume as its host has to make it. With neither `persistent` nor `nfs`: scratch, on the task's own disk. */
export const volumeSpecSchema = z.object({
  name: z.string(),
  persistent: z.object({ id: z.uuid(), sizeMiB: z.int().min(1), access: z.enum(['read', 'write']) }).optional(),
  nfs: z.object({ server: z.string(), path: z.string() }).optional(),
});
export type VolumeSpec = z.output<typeof volumeSpecSchema>;

/** References only: the values travel beside the spec, and are never written to a disk. */
export const containerStorageSchema = z.object({
  secrets: z.array(z.object({ name: z.string(), from: z.string() })).optional(),
  secretFiles: z.array(z.object({ path: z.string(), from: z.string(), mode: z.string(), uid: z.int(), gid: z.int() })).optional(),
  environmentFiles: z.array(z.string()).optional(),
  mountPoints: z.array(z.object({ volume: z.string(), path: z.string(), readOnly: z.boolean() })).optional(),
});
export type ContainerStorage = z.output<typeof containerStorageSchema>;

/** By reference, in base64. One that is missing does not exist (any more). */
export const secretValuesSchema = z.record(z.string(), z.string());
export type SecretValues = z.output<typeof secretValuesSchema>;
