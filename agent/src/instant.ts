// Instants as the wire has them.

/** @param ms milliseconds since the epoch, UTC. */
export function toInstant(ms: number): string {
  return new Date(ms).toISOString();
}
