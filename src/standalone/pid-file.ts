// Pid files that can't lie: a process counts as ours only if its start time and the machine's boot are as recorded,
// so a number that was given to another process meanwhile is never signalled.
import { readFileSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** Sync, so that nothing happens between a child's birth and the record of it. */
function identity(pid: number): string | null {
  try {
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    // The program's name, in parentheses, may itself have spaces and parentheses.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    const [state, startTime] = [fields[0], fields[19]];
    return state === 'Z' || state === 'X' ? null : `${pid} ${startTime} ${bootId}`;
  } catch {
    return null;
  }
}

export async function writePidFile(file: string, pid: number): Promise<void> {
  await writeFile(file, `${identity(pid) ?? pid}\n`);
}

/** @returns the recorded process's id if it is alive, else null. */
export async function livingPid(file: string): Promise<number | null> {
  const recorded = (await readFile(file, 'utf8').catch(() => '')).trim();
  const pid = Number(recorded.split(' ')[0]);
  return pid > 0 && identity(pid) === recorded ? pid : null;
}

/**
 * Ends the recorded process, if it is alive, and removes the file.
 * @returns whether there was one.
 */
export async function stopRecorded(file: string, signal: NodeJS.Signals, graceMs: number): Promise<boolean> {
  const pid = await livingPid(file);
  if (pid) {
    process.kill(pid, signal);
    if (!(await hasEnded(file, graceMs))) {
      process.kill(pid, 'SIGKILL');
      await hasEnded(file, 5_000);
    }
  }
  await rm(file, { force: true });
  return pid !== null;
}

async function hasEnded(file: string, withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs;
  while (await livingPid(file)) {
    if (Date.now() > deadline) return false;
    await sleep(25);
  }
  return true;
}
