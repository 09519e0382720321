// Ends what a session runs in its container: everything that carries the session's mark in its environment, whatever
// process group it has put itself into. Who takes the mark off stays, and is the container's from then on. gVisor shows
// nobody's environment: in a sandbox it is the program and all that descends from it, and whose parent has ended stays.
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cgroups } from './cgroup.js';
import { sessionVariable } from './exec-spec.js';
import { parentsInSandbox, signalInSandbox } from './gvisor.js';
import { ociProgram } from './oci-program.js';
import type { RuntimeOptions } from './options.js';
import type { Paths } from './paths.js';
import { type ProcessId, processOf, signalProcess } from './processes.js';
import { containersOf, namesIn, readIfThere, readOrEmpty, readRecord, type StartRecord } from './records.js';

interface SweepHost {
  readonly paths: Paths;
  readonly groups: Cgroups;
  readonly programs: Pick<RuntimeOptions['programs'], 'crun' | 'runsc'>;
}

export type ExecFiles = ReturnType<typeof execFiles>;

/** What a session keeps in its directory while it lasts. */
export function execFiles(directory: string) {
  return {
    directory,
    process: join(directory, 'process.json'),
    /** Once the program runs: who waits for it on the host, or itself. */
    pid: join(directory, 'pid'),
    /** Of the program, as the sandbox counts. */
    insidePid: join(directory, 'inside-pid'),
    log: join(directory, 'log'),
  };
}

/** Sends a signal to one process of the session that is left. */
type Left = (signal: number) => unknown;

const sighup = 1;
const sigkill = 9;
const lookEveryMs = 20;
/** A fork bomb is not outrun by this; the container's limit of processes holds it. */
const rounds = 250;

/** SIGHUP to all of them, and SIGKILL to who is left after `graceMs`. Returns when none is left. */
export async function killSession(host: SweepHost, taskId: string, container: string, id: string, graceMs: number): Promise<void> {
  const look = sessionOf(host, taskId, container, id);
  const killFrom = performance.now() + graceMs;
  let hungUp = false;
  for (let round = 0; round < rounds + graceMs / lookEveryMs; round++) {
    const left = await look();
    if (left.length === 0) return;
    const kill = performance.now() >= killFrom;
    if (kill || !hungUp) for (const send of left) await send(kill ? sigkill : sighup);
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

function sessionOf(host: SweepHost, taskId: string, container: string, id: string): () => Promise<Left[]> {
  const at = host.paths.container(taskId, container);
  if (readRecord<StartRecord>(at.record)?.isolation === 'sandbox') return inSandbox(host, at, id);
  const mark = `${sessionVariable}=${id}`;
  return async () => marked(host.groups, at.cgroup, mark).map((process) => (signal) => signalProcess(process, signal));
}

/** Pids are used again in there, too: the program has its pid as long as runsc waits for it on the host. */
function inSandbox({ paths, programs }: SweepHost, at: ReturnType<Paths['container']>, id: string): () => Promise<Left[]> {
  const oci = ociProgram('sandbox', programs, paths);
  const files = execFiles(join(at.execs, id));
  const known = new Set<number>();
  return async () => {
    const waiter = readIfThere(files.pid);
    // It has not begun yet.
    if (waiter === null) return [() => {}];
    if (known.size === 0 && !readOrEmpty(`/proc/${waiter}/cmdline`).includes(files.process)) return [];
    if (known.size === 0) known.add(Number(readOrEmpty(files.insidePid)));
    const parents = await parentsInSandbox(oci, at.id);
    // Parents come before their children: pids are given out in order.
    for (const [pid, parent] of parents) if (known.has(parent)) known.add(pid);
    return [...known].filter((pid) => parents.has(pid)).map((pid) => (signal) => signalInSandbox(oci, at.id, signal, pid));
  };
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
