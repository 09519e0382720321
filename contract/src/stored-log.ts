// How the logs of ended tasks travel from their host into the log store: in chunks of whole lines, each compressed and
// sent by itself, then the list of all of them, which says that the log is whole. Everything may be repeated.
import { z } from 'zod';
import { limits } from './sizes.js';
import { containerNameSchema } from './task-definition.js';

export const storedLogLimits = {
  /** Of a chunk as it was written. */
  chunkBytes: 1024 * 1024,
  /** Of a chunk as it is sent; gzip makes nothing much larger. */
  sentBytes: 1280 * 1024,
  chunksPerTask: limits.containersPerTask.max * 128,
} as const;

export const logChunkSchema = z.object({
  container: containerNameSchema,
  /** Place in the container's log where it begins. */
  start: z.int().min(0),
  bytes: z.int().min(1).max(storedLogLimits.chunkBytes),
});
export type LogChunkInfo = z.output<typeof logChunkSchema>;

export const wholeLogSchema = z.strictObject({ chunks: z.array(logChunkSchema).max(storedLogLimits.chunksPerTask) });
export type WholeLog = z.output<typeof wholeLogSchema>;

/** Below `agentPaths.logs`: of a chunk, or of the list. */
export function logPath(taskId: string, chunk?: Pick<LogChunkInfo, 'container' | 'start'>): string {
  return chunk ? `${taskId}/${chunk.container}/${chunk.start}` : taskId;
}
