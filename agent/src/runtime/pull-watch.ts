// Looks after a pull while it runs: how much it writes, and what that leaves of the disk. The registry's own word about
// sizes counts for nothing, for a small layer can unpack to any size.
import { readFileSync } from 'node:fs';
import { diskSpaceAt } from './disk-space.js';
import { pullFault } from './image-choice.js';
import { descendantsOf } from './processes.js';

const lookEveryMs = 100;

export interface PullWatch {
  /** What is wrong, once something is. */
  readonly fault: ReturnType<typeof pullFault>;
  end(): void;
}

/** @param onFault is called once, when the pull must not go on. */
export function watchPull(pid: number, directory: string, maxBytes: number, onFault: () => void): PullWatch {
  let fault: ReturnType<typeof pullFault> = null;
  const timer = setInterval(() => {
    fault ??= pullFault(writtenBytesOf(pid), maxBytes, diskSpaceAt(directory));
    if (fault === null) return;
    clearInterval(timer);
    onFault();
  }, lookEveryMs);
  return {
    get fault() {
      return fault;
    },
    end: () => clearInterval(timer),
  };
}

/** By the kernel's count, of a process and all that it has started. Null where there is no such count. */
export function writtenBytesOf(pid: number): number | null {
  const counts = [pid, ...descendantsOf(pid).map((child) => child.pid)].flatMap(writtenBy);
  return counts.length === 0 ? null : counts.reduce((sum, count) => sum + count, 0);
}

/** Those of children that have ended are in it. */
function writtenBy(pid: number): number[] {
  try {
    const found = /^write_bytes: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'latin1'))?.[1];
    return found === undefined ? [] : [Number(found)];
  } catch {
    return [];
  }
}
