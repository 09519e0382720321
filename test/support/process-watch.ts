// The judge of the fault tests: what runs on this machine according to the kernel, not according to the agent. Reads
// /proc and crun's state directory only, and knows nothing of the agent's records.
import { readdirSync, readFileSync } from 'node:fs';

/** A container's first process: one for each (task, container, attempt) that is alive. */
export interface LiveContainer {
  readonly taskId: string;
  readonly container: string;
  readonly pid: number;
  /** With the pid it names the process for good (within one boot). */
  readonly startTicks: number;
}

export interface ProcessWatch {
  /** Every first process that was seen so far, in the order of their start. */
  attempts(taskId: string, container?: string): readonly LiveContainer[];
  /** The most that were alive at one time. */
  mostAtOnce(taskId: string, container?: string): number;
  stop(): void;
}

const lookEveryMs = 50;

/** The first processes of an instance's containers that are alive now. */
export function liveContainers(instance: string): LiveContainer[] {
  return pids()
    .flatMap((pid) => firstProcess(instance, pid) ?? [])
    .sort((a, b) => a.startTicks - b.startTicks || a.pid - b.pid);
}

/** Ids of every process in a control group of this task, whoever started it. */
export function processesOf(instance: string, taskId: string): number[] {
  return pids().filter((pid) => placeOf(instance, pid)?.taskId === taskId);
}

/** Whoever started the process, as the kernel has it now: of a container's first process its monitor. */
export function parentOf(pid: number): number {
  return Number(/^PPid:\s+(\d+)$/m.exec(readOr(`/proc/${pid}/status`))?.[1] ?? 0);
}

/** Names in the state directory of crun: what it thinks that there is. */
export function crunStates(instance: string): string[] {
  try {
    return readdirSync(`/run/${instance}/crun`);
  } catch {
    return [];
  }
}

/** Looks again and again until it is stopped, so that what lives shortly is seen as well. */
export function watchProcesses(instance: string): ProcessWatch {
  const seen = new Map<string, LiveContainer>();
  const most = new Map<string, number>();
  const look = () => {
    const counts = new Map<string, number>();
    for (const live of liveContainers(instance)) {
      const of = `${live.taskId}/${live.container}`;
      seen.set(`${live.pid} ${live.startTicks}`, live);
      counts.set(of, (counts.get(of) ?? 0) + 1);
    }
    for (const [of, count] of counts) most.set(of, Math.max(count, most.get(of) ?? 0));
  };
  const timer = setInterval(look, lookEveryMs);
  return {
    attempts: (taskId, container = 'main') => {
      look();
      return [...seen.values()].filter((live) => live.taskId === taskId && live.container === container);
    },
    mostAtOnce: (taskId, container = 'main') => most.get(`${taskId}/${container}`) ?? 0,
    stop: () => clearInterval(timer),
  };
}

function pids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** A first process is number 1 of a pid namespace that is not the machine's. */
function firstProcess(instance: string, pid: number): LiveContainer | null {
  const place = placeOf(instance, pid);
  if (!place) return null;
  const numbers = /^NSpid:\s+(.*)$/m.exec(readOr(`/proc/${pid}/status`))?.[1]?.split(/\s+/) ?? [];
  const stat = readOr(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (numbers.length < 2 || numbers.at(-1) !== '1' || fields[0] === 'Z' || fields[0] === 'X') return null;
  return { ...place, pid, startTicks: Number(fields[19]) };
}

function placeOf(instance: string, pid: number): { taskId: string; container: string } | null {
  const match = new RegExp(`/${instance}/([0-9a-f-]{36})/([^/\\n]+)`).exec(readOr(`/proc/${pid}/cgroup`));
  return match?.[1] && match[2] ? { taskId: match[1], container: match[2] } : null;
}

/** Processes go while they are looked at. */
function readOr(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}
