// Verbs of a gVisor sandbox that are not those of a crun container: it is let go by a program, its signals go to its own
// kernel, and its processes on the host (kernel and file server) are put into the container's control group by us.
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { OciProgram } from './oci-program.js';
import type { Paths } from './paths.js';
import { descendantsOf, type ProcessId } from './processes.js';
import { mustRun, runProgram } from './programs.js';
import { readOrEmpty } from './records.js';

const timeoutMs = 20_000;

/**
 * Debian's runsc of 2022 takes a namespace for the host's own if /proc/sys/net/core/rmem_default is there, which since
 * Linux 6.12 it is in every namespace. So it is started where that can't be seen.
 */
const startScript = 'mount --bind "$1" /proc/sys/net && shift && exec "$@"';

/** Lets a created sandbox go. Safe to repeat: one that runs already stays as it is. */
export async function startSandbox(oci: OciProgram, paths: Paths, id: string): Promise<void> {
  const empty = join(paths.run, 'empty');
  mkdirSync(empty, { recursive: true });
  const args = ['--mount', 'sh', '-c', startScript, 'berth-sandbox', empty, oci.program, ...oci.args, 'start', id];
  const result = await runProgram('unshare', args, { timeoutMs });
  if (result.code === 0 || /cannot start container in state (running|stopped)/.test(result.stderr)) return;
  throw new Error(`${oci.program} start ${result.timedOut ? 'was not done in time' : `said: ${result.stderr.trim().slice(-500)}`}`);
}

/** To the container's first process, or to that of this pid inside. Nothing happens if it has ended. */
export async function signalInSandbox(oci: OciProgram, id: string, signal: number, pid?: number): Promise<void> {
  const which = pid === undefined ? [] : ['--pid', String(pid)];
  await mustRun(oci.program, [...oci.args, 'kill', ...which, id, String(signal)], { timeoutMs }).catch((error: Error) => {
    if (!/not running|does not exist|not exist|stopped|no such process/i.test(error.message)) throw error;
  });
}

/** Processes inside by pid, in order, each with its parent's. None when the sandbox has ended. */
export async function parentsInSandbox(oci: OciProgram, id: string): Promise<Map<number, number>> {
  const { stdout } = await runProgram(oci.program, [...oci.args, 'ps', id], { timeoutMs });
  const rows = stdout.split('\n').flatMap((line): [number, number][] => {
    const [, pid, parent] = /^\S+\s+(\d+)\s+(\d+)\s/.exec(line) ?? [];
    return pid && parent ? [[Number(pid), Number(parent)]] : [];
  });
  return new Map(rows.sort(([a], [b]) => a - b));
}

/**
 * Pids of the sandbox's own kernel and of what serves it, which are the keeper's children like those of others; and of the
 * empty process below the kernel from which it makes all that the tenant's code runs in: nothing in that has the sandbox's name.
 */
export function sandboxProcesses(keeper: ProcessId, at: ReturnType<Paths['container']>): number[] {
  const isOurs = (pid: number) => {
    const line = readOrEmpty(`/proc/${pid}/cmdline`);
    return line.includes(at.id) || line.includes(at.directory);
  };
  const ours = descendantsOf(keeper.pid).flatMap(({ pid }) => (isOurs(pid) ? [pid] : []));
  return [...new Set(ours.flatMap((pid) => [pid, ...descendantsOf(pid).map((below) => below.pid)]))];
}

/** What runsc keeps of a container, once its processes are gone. */
export function forgetSandbox(paths: Paths, id: string): void {
  for (const name of stateFilesOf(paths, id)) rmSync(join(paths.runscRoot, name), { force: true });
}

function stateFilesOf(paths: Paths, id: string): string[] {
  try {
    return readdirSync(paths.runscRoot).filter((name) => name.startsWith(`${id}_`) || name.startsWith(`${id}.`));
  } catch {
    return [];
  }
}
