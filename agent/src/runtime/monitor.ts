// Starts a container's monitor (conmon), which has crun create the container and then waits for its end.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { OciProgram } from './oci-program.js';
import type { RuntimeOptions } from './options.js';
import type { Paths } from './paths.js';
import { descendantsOf, type ProcessId, processOf, signalProcess } from './processes.js';

type ContainerPaths = ReturnType<Paths['container']>;

/** crun's own words about why it made no container. */
export class CreateError extends Error {
  constructor(
    message: string,
    readonly timedOut: boolean,
  ) {
    super(message);
    this.name = 'CreateError';
  }
}

const sigkill = 9;
const maxAnswerCharacters = 64 * 1024;

/**
 * Creates the container, which then waits to be let go.
 * @returns its first process and its monitor.
 * @throws CreateError; nothing of it runs then.
 */
export async function createContainer(
  options: RuntimeOptions,
  paths: Paths,
  at: ContainerPaths,
  oci: OciProgram,
): Promise<{ process: ProcessId; monitor: ProcessId }> {
  const answer = await askMonitor(options, paths, at, oci);
  const monitor = monitorOf(at);
  const created = answer.pid > 0 ? processOf(answer.pid) : null;
  if (created && monitor) return { process: created, monitor };
  killMonitor(at);
  throw new CreateError(answer.message || 'the container’s first process ended before it was let go', answer.timedOut);
}

interface Answer {
  readonly pid: number;
  readonly message: string;
  readonly timedOut: boolean;
}

/** conmon answers on the descriptor named by _OCI_SYNCPIPE with one line of JSON: a pid, or −1 and a message. */
function askMonitor(options: RuntimeOptions, paths: Paths, at: ContainerPaths, oci: OciProgram): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const child = spawn(options.programs.conmon, monitorArgs(options, paths, at, oci), {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
      env: { PATH: process.env.PATH, _OCI_SYNCPIPE: '3', LC_ALL: 'C' },
      cwd: '/',
    });
    let text = '';
    const finish = (answer: Answer) => {
      clearTimeout(timer);
      pipe.destroy();
      resolve(answer);
    };
    const pipe = child.stdio[3] as NodeJS.ReadableStream & { destroy(): void };
    const timer = setTimeout(
      () =>
        finish({ pid: -1, message: `${basename(oci.program)} did not answer within ${options.createTimeoutMs / 1000} s`, timedOut: true }),
      options.createTimeoutMs,
    );
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(new CreateError(`${options.programs.conmon} could not be run: ${error.message}`, false));
    });
    pipe.setEncoding('utf8');
    pipe.on('data', (part: string) => {
      text = (text + part).slice(0, maxAnswerCharacters);
      const end = text.indexOf('\n');
      if (end >= 0) finish(parseAnswer(text.slice(0, end)));
    });
    pipe.on('error', () => finish({ pid: -1, message: 'the monitor ended without an answer', timedOut: false }));
    pipe.on('end', () => finish(parseAnswer(text)));
  });
}

export function parseAnswer(line: string): Answer {
  try {
    const { data, pid, message } = JSON.parse(line) as { data?: number; pid?: number; message?: string };
    return { pid: data ?? pid ?? -1, message: message ?? '', timedOut: false };
  } catch {
    return { pid: -1, message: 'the monitor ended without an answer', timedOut: false };
  }
}

function monitorArgs(options: RuntimeOptions, paths: Paths, at: ContainerPaths, { program, args }: OciProgram): string[] {
  return [
    ['--api-version', '1', '-c', at.id, '-u', at.id, '-r', program, '-b', at.directory],
    ['-p', at.pidFile, '-P', at.monitorPidFile, '--exit-dir', paths.exits, '--socket-dir-path', paths.sockets],
    ['-l', `k8s-file:${at.log}`, '--log-size-max', String(hardLogLimit(options)), '--no-sync-log', '--log-level', 'error'],
    args.flatMap((arg) => ['--runtime-arg', arg]),
  ].flat();
}

/** conmon's own cap throws everything away that was written before: it only counts when we are not there to rotate. */
function hardLogLimit(options: RuntimeOptions): number {
  return options.logs.maxFileBytes * 8;
}

/** The monitor that wrote its pid for this container, if it lives. */
export function monitorOf(at: ContainerPaths): ProcessId | null {
  try {
    return processOf(Number(readFileSync(at.monitorPidFile, 'utf8')));
  } catch {
    return null;
  }
}

/** Ends a monitor and whatever it still runs, crun in the first place. The container itself dies by its cgroup. */
export function killMonitor(at: ContainerPaths): void {
  const monitor = monitorOf(at);
  if (!monitor || !isMonitorFor(monitor, at.id)) return;
  const below = descendantsOf(monitor.pid);
  signalProcess(monitor, sigkill);
  for (const process of below) signalProcess(process, sigkill);
}

/** Whether a pid file tells the truth: the pid may be somebody else's by now. */
function isMonitorFor(monitor: ProcessId, containerId: string): boolean {
  try {
    return readFileSync(`/proc/${monitor.pid}/cmdline`, 'utf8').split('\0').includes(containerId);
  } catch {
    return false;
  }
}
