// Processes of the host told apart for good: a pid is used again, a pid with its start time is not (within one boot).
import { closeSync, readdirSync, readFileSync } from 'node:fs';
import { pidfdOpen, pidfdSignal } from './syscalls.js';

export interface ProcessId {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: clock ticks since boot. */
  readonly startTicks: number;
}

/** The process that has this pid now, or null if there is none (a zombie counts as none). */
export function processOf(pid: number): ProcessId | null {
  try {
    return parseStat(pid, readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return null;
  }
}

/** The second field, the program's name, may hold anything, and not only UTF-8: what counts begins after its last parenthesis. */
export function parseStat(pid: number, stat: string): ProcessId | null {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const startTicks = Number(fields[19]);
  return fields[0] === 'Z' || fields[0] === 'X' || !Number.isFinite(startTicks) ? null : { pid, startTicks };
}

export function isAlive(id: ProcessId): boolean {
  return processOf(id.pid)?.startTicks === id.startTicks;
}

/** Sends a signal to exactly this process. @returns false if it has ended. */
export function signalProcess(id: ProcessId, signal: number): boolean {
  const pidfd = pidfdOpen(id.pid);
  if (pidfd === null) return false;
  try {
    // The descriptor holds whoever has the pid now; only then is the start time worth a look.
    return isAlive(id) && pidfdSignal(pidfd, signal);
  } finally {
    closeSync(pidfd);
  }
}

/** All processes below this one, as they are now, whichever of its threads has started them. */
export function descendantsOf(pid: number): ProcessId[] {
  return childrenOf(pid).flatMap((child) => {
    const id = processOf(child);
    return id ? [id, ...descendantsOf(id.pid)] : [];
  });
}

function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
    );
  } catch {
    // It has ended, or one of its threads has: who looks, looks again.
    return [];
  }
}
