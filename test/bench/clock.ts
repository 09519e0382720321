// The wall clock with a fraction of a millisecond, to set against the time that a container writes.

/** Milliseconds since the epoch. */
export function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

/** Makes the container write its own wall clock, in microseconds, as its first act (busybox's ash since 1.34). */
export const writeTheTime = ['sh', '-c', 'echo $EPOCHREALTIME'] as const;

/** What the container wrote, as milliseconds. @throws Error when it wrote something else. */
export function timeWritten(output: string): number {
  const match = /^(\d{10}\.\d{6})\s*$/.exec(output);
  if (!match) throw new Error(`The container did not write the time but ${JSON.stringify(output.slice(0, 200))}.`);
  return Number(match[1]) * 1000;
}
