// The supervisor's children by name, and the end of those that an earlier supervisor left running.
import { join } from 'node:path';
import { stopRecorded } from './pid-file.js';
import { pathsOf, type Settings } from './plan.js';
import { stopStalePostgres } from './postgres.js';

/** In the order of stopping. The agent's containers live on; all else is gone when its process is. */
export const parts = [
  { name: 'agent', signal: 'SIGTERM', graceMs: 20_000 },
  { name: 'control-plane', signal: 'SIGTERM', graceMs: 20_000 },
  { name: 'registry', signal: 'SIGTERM', graceMs: 5_000 },
  { name: 'postgres', signal: 'SIGINT', graceMs: 30_000 },
] as const;
export type Part = (typeof parts)[number]['name'];

export const pidFileOf = (settings: Pick<Settings, 'dataDirectory'>, name: Part | 'supervisor') =>
  join(pathsOf(settings).run, `${name}.pid`);

/** Ends what a supervisor that was killed has left running. @returns the names of what there was. */
export async function stopStaleParts(settings: Settings): Promise<Part[]> {
  const stopped: Part[] = [];
  for (const { name, signal, graceMs } of parts) {
    if (await stopRecorded(pidFileOf(settings, name), signal, graceMs)) stopped.push(name);
  }
  await stopStalePostgres(pathsOf(settings).postgres);
  return stopped;
}
