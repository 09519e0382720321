// What a host is told of a container's and a task's volumes and secrets. Absent from what older control planes send and
// older journals hold.
import { z } from 'zod';

export const volumeSpecSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('scratch'), name: z.string() }),
  z.object({ kind: z.literal('persistent'), name: z.string(), volumeId: z.string(), sizeMiB: z.int().min(1) }),
  z.object({ kind: z.literal('nfs'), name: z.string(), server: z.string(), path: z.string(), readOnly: z.boolean() }),
]);
export type VolumeSpec = z.output<typeof volumeSpecSchema>;

/** References only: the values travel beside the spec, and are never written to a disk. */
export const containerStorageSchema = z.object({
  mountPoints: z.array(z.object({ volume: z.string(), path: z.string(), readOnly: z.boolean() })).optional(),
  secrets: z.array(z.object({ name: z.string(), from: z.string() })).optional(),
  secretFiles: z.array(z.object({ path: z.string(), from: z.string(), mode: z.string(), uid: z.int(), gid: z.int() })).optional(),
  environmentFiles: z.array(z.string()).optional(),
});
export type ContainerStorage = z.output<typeof containerStorageSchema>;

/** By reference, in base64. One that is missing does not exist (any more). */
export const secretValuesSchema = z.record(z.string(), z.string());
export type SecretValues = z.output<typeof secretValuesSchema>;
