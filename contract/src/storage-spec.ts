// What a host is told of the secrets that a container uses. Absent from what older control planes send and older
// journals hold.
import { z } from 'zod';

/** References only: the values travel beside the spec, and are never written to a disk. */
export const containerStorageSchema = z.object({
  secrets: z.array(z.object({ name: z.string(), from: z.string() })).optional(),
  secretFiles: z.array(z.object({ path: z.string(), from: z.string(), mode: z.string(), uid: z.int(), gid: z.int() })).optional(),
  environmentFiles: z.array(z.string()).optional(),
});
export type ContainerStorage = z.output<typeof containerStorageSchema>;

/** By reference, in base64. One that is missing does not exist (any more). */
export const secretValuesSchema = z.record(z.string(), z.string());
export type SecretValues = z.output<typeof secretValuesSchema>;
