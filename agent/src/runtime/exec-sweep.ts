// Ends what a session runs in its container: everything that carries the session's mark in its environment, whatever
// process group it has put itself into. Who takes the mark off stays, and is the container's from then on.
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cgroups } from './cgroup.js';
import { sessionVariable } from './exec-spec.js';
import type { Paths } from './paths.js';
import { type ProcessId, processOf, signalProcess } from './processes.js';
import { containersOf, namesIn } from './records.js';

interface SweepHost {
  readonly paths: Paths;
  readonly groups: Cgroups;
}

const sighup = 1;
const sigkill = 9;
const lookEveryMs = 20;
/** A fork bomb is not outrun by this; the container's limit of processes holds it. */
const rounds = 250;

/** SIGHUP to all of them, and SIGKILL to who is left after `graceMs`. Returns when none is left. */
export async function killSession({ paths, groups }: SweepHost, taskId: string, container: string, id: string, graceMs: number) {
  const group = paths.container(taskId, container).cgroup;
  const mark = `${sessionVariable}=${id}`;
  const killFrom = performance.now() + graceMs;
  let hungUp = false;
  for (let round = 0; round < rounds + graceMs / lookEveryMs; round++) {
    const left = marked(groups, group, mark);
    if (left.length === 0) return;
    const kill = performance.now() >= killFrom;
    if (kill || !hungUp) for (const process of left) signalProcess(process, kill ? sigkill : sighup);
    hungUp = true;
    await sleep(lookEveryMs);
  }
}

/** Ends the sessions that an earlier life of the agent had in a task's containers: their other end is gone. */
export async function killLeftSessions(host: SweepHost, taskId: string): Promise<void> {
  for (const container of containersOf(host.paths, taskId)) {
    const { execs } = host.paths.container(taskId, container);
    for (const id of namesIn(execs)) {
      await killSession(host, taskId, container, id, 0);
      rmSync(join(execs, id), { recursive: true, force: true });
    }
  }
}

function marked(groups: Cgroups, group: string, mark: string): ProcessId[] {
  return pidsBelow(groups, group).flatMap((pid) => {
    const id = processOf(pid);
    return id && environmentOf(pid).includes(mark) ? [id] : [];
  });
}

function pidsBelow(groups: Cgroups, group: string): number[] {
  const own = groups.read('pids', group, 'cgroup.procs').split('\n').filter(Boolean).map(Number);
  return [...own.filter((pid) => pid > 0), ...groups.children(group).flatMap((child) => pidsBelow(groups, `${group}/${child}`))];
}

function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
  } catch {
    return [];
  }
}
