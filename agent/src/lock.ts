// Two agents must never work on one data directory: they would start tasks twice and tear each other's journal. The
// lock is a file that names its holder by process id and start time, so that a dead one's is recognised for what it is.
import { link, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { processOf } from './runtime/processes.js';

/** @returns the release. @throws Error when another agent holds it. */
export async function lockDataDirectory(directory: string): Promise<() => Promise<void>> {
  const path = join(directory, 'agent.lock');
  const mine = `${process.pid} ${processOf(process.pid)?.startTicks}`;
  for (;;) {
    if (await claim(path, mine)) return () => rm(path, { force: true });
    const holder = await readFile(path, 'utf8').catch(() => '');
    const [pid = '', startTime = ''] = holder.split(' ');
    if (startTime !== '' && String(processOf(Number(pid))?.startTicks) === startTime) {
      throw new Error(
        `Another agent (process ${pid}) works on ${directory}. Stop it first, or give this one a BERTH_AGENT_DATA of its own.`,
      );
    }
    await rm(path, { force: true });
  }
}

/** Appears whole or not at all: a lock file without its holder's name could not be judged. */
async function claim(path: string, holder: string): Promise<boolean> {
  const fresh = `${path}.${process.pid}`;
  const file = await open(fresh, 'w', 0o600);
  try {
    await file.writeFile(holder);
    await link(fresh, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await file.close();
    await rm(fresh, { force: true });
  }
}
