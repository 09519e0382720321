// Runs a program in a container that runs already, with the container's own confinement: `crun exec` with a process made
// from its bundle, so that user, capabilities, seccomp, limits, namespaces and control group are those of its process 1.
// In a sandbox it is `runsc exec`, to whose kernel the same process is given; that has no filter of calls for it.
// A session's directory is on the host while it lasts; one that an earlier life of the agent left is ended at the start.
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Isolation } from '@berth/contract';
import { resolveUser } from './container-user.js';
import { directoryFault, type ExecRequest, execProcess, type OciProcess } from './exec-spec.js';
import { type ExecFiles, execFiles, killSession } from './exec-sweep.js';
import { InsideError, type InsideHost } from './inside.js';
import { type OciProgram, ociProgram } from './oci-program.js';
import { isAlive } from './processes.js';
import { readIfThere, readOrEmpty, readRecord, type StartRecord } from './records.js';
import { readInRootfs } from './rootfs.js';

export interface ExecProcess {
  /** `crun exec` or `runsc exec`, which lives as long as the process inside and ends with its code. */
  readonly child: ChildProcess;
  /** Resolves when the program runs. Rejects with InsideError, saying why, if it never did. */
  readonly started: Promise<void>;
  /** 0–255, 128 + n for signal n; null when the session was ended before its process began. */
  readonly ended: Promise<number | null>;
  /**
   * Ends everything that belongs to the session: SIGHUP, and SIGKILL after a moment. Safe at any time.
   * @param graceMs between the two.
   */
  hangUp(graceMs: number): Promise<void>;
}

interface ExecOptions {
  readonly stdio: StdioOptions;
  /** Further arguments of `crun exec`. */
  readonly args?: readonly string[];
  /** Of runsc alone: `stdio` is a terminal, whose keys are to be its signals. It hands them to the program. */
  readonly takesTerminal?: boolean;
}

const startWithinMs = 20_000;
const lookEveryMs = 5;

/** @throws InsideError if the container does not run. */
export function runningTier(host: InsideHost, taskId: string, container: string): Isolation {
  const record = readRecord<StartRecord>(host.paths.container(taskId, container).record);
  if (!record || !isAlive(record.process)) throw new InsideError('container_not_running', { container });
  return record.isolation ?? 'container';
}

/**
 * @throws InsideError if the container does not run, or does not know the user.
 */
export function startExec(host: InsideHost, taskId: string, container: string, request: ExecRequest, options: ExecOptions): ExecProcess {
  const at = host.paths.container(taskId, container);
  const isolation = runningTier(host, taskId, container);
  const oci = ociProgram(isolation, host.programs, host.paths);
  const fault = request.workingDirectory === null ? null : directoryFault(request.workingDirectory);
  if (fault) throw new InsideError('exec_failed', { detail: fault });
  const id = randomBytes(8).toString('hex');
  const files = execFiles(join(at.execs, id));
  const { process: own } = JSON.parse(readFileSync(at.config, 'utf8')) as { process: OciProcess };
  const user = request.user === null ? null : userOf(request.user, at.rootfs);
  mkdirSync(files.directory, { recursive: true, mode: 0o700 });
  writeFileSync(files.process, JSON.stringify(execProcess(own, request, user, id)), { mode: 0o600 });
  const child = isolation === 'sandbox' ? enterSandbox(oci, at.id, files, options) : enterContainer(host, oci, at.id, files, options);
  let ran = false;
  let over = false;
  let hungUp: Promise<void> | null = null;
  const closed = new Promise<number | null>((resolve) => {
    child.once('error', () => resolve(null));
    child.once('exit', (code, signal) => resolve(signal === null ? code : 137));
  });
  const started = waitForStart(files.pid, closed).then(async (runs) => {
    ran = runs;
    if (!runs) throw new InsideError('exec_failed', { detail: reasonOf(readOrEmpty(files.log), request.command[0] ?? '') });
  });
  const ended = closed.then(async (code) => {
    over = true;
    ran ||= readIfThere(files.pid) !== null;
    await hungUp;
    // It reads the log for why there was no start.
    await started.catch(() => {});
    rmSync(files.directory, { recursive: true, force: true });
    return ran ? code : null;
  });
  started.catch(() => {});
  return {
    child,
    started,
    ended,
    hangUp: async (graceMs) => {
      // One that ended by itself leaves in the container what it put into the background there.
      if (over) return;
      hungUp ??= killSession(host, taskId, container, id, graceMs).finally(() => child.kill('SIGKILL'));
      await hungUp;
    },
  };
}

function enterContainer(host: InsideHost, oci: OciProgram, id: string, files: ExecFiles, { stdio, args = [] }: ExecOptions): ChildProcess {
  const before = [...oci.args, `--log=file:${files.log}`, 'exec', '--process', files.process, '--pid-file', files.pid];
  // A session of its own: a signal to the agent's process group must not reach into containers.
  const more = { detached: true, argv0: basename(oci.program) };
  return spawn(host.sealed.pathOf(oci.program), [...before, ...args, id], { stdio, ...surroundings(), ...more });
}

/** Nothing of runsc comes near the program: it only speaks with the sandbox's kernel, and needs no sealed copy. */
function enterSandbox(oci: OciProgram, id: string, files: ExecFiles, { stdio, takesTerminal = false }: ExecOptions): ChildProcess {
  const before = [...oci.args, `--log=${files.log}`, 'exec', '--process', files.process, '--pid-file', files.pid];
  const args = [...before, '--internal-pid-file', files.insidePid, id];
  // setsid makes the session itself, or it could not give it the terminal.
  if (takesTerminal) return spawn('setsid', ['--ctty', oci.program, ...args], { stdio, ...surroundings() });
  return spawn(oci.program, args, { stdio, ...surroundings(), detached: true });
}

const surroundings = () => ({ env: { PATH: process.env.PATH, LC_ALL: 'C' }, cwd: '/' });

function userOf(text: string, rootfs: string) {
  try {
    return resolveUser(text, readInRootfs(rootfs, '/etc/passwd'), readInRootfs(rootfs, '/etc/group'));
  } catch (error) {
    throw new InsideError('exec_failed', { detail: (error as Error).message });
  }
}

/** The file is written when the program has been let go, and not before. @returns false if it ended without. */
async function waitForStart(pidFile: string, closed: Promise<unknown>): Promise<boolean> {
  let over = false;
  void closed.then(() => {
    over = true;
  });
  for (const giveUpAt = performance.now() + startWithinMs; performance.now() < giveUpAt; await sleep(lookEveryMs)) {
    const wasOver = over;
    if (readIfThere(pidFile)) return true;
    if (wasOver) return false;
  }
  return false;
}

/** crun's and runsc's words in ours, where they are known. */
export function reasonOf(log: string, program: string): string {
  const said = log.trim().split('\n').at(-1) ?? '';
  if (/not found in \$PATH|no such file or directory/i.test(said))
    return `the image has no program "${program}"; one without a shell can't run "sh" either`;
  if (/open executable|permission denied/i.test(said)) return `"${program}" is not an executable file for this user`;
  return said === '' ? 'the container ended, or did not answer in time' : said.slice(0, 300);
}

export interface ProbeRequest extends Partial<Omit<ExecRequest, 'command' | 'tty'>> {
  readonly command: readonly string[];
  readonly timeoutMs: number;
  /** Fires when nobody needs the answer any more. */
  readonly signal?: AbortSignal;
}

export interface ProbeResult {
  /** As of a shell: 128 + n for signal n. 137 when it was killed for its time. */
  readonly exitCode: number;
  readonly timedOut: boolean;
  /** The end of what it wrote to stdout and stderr, together; at most 4 KiB. */
  readonly output: string;
}

const probeOutputBytes = 4096;

/**
 * Runs a small program in a container to its end, and kills it and whatever it began when its time is over.
 * @throws InsideError if it could not be run at all.
 */
export async function runInside(host: InsideHost, taskId: string, container: string, request: ProbeRequest): Promise<ProbeResult> {
  const { command, timeoutMs, signal, environment = {}, workingDirectory = null, user = null } = request;
  const exec = startExec(
    host,
    taskId,
    container,
    { command, environment, workingDirectory, user, tty: false },
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output = Buffer.alloc(0);
  for (const stream of [exec.child.stdout, exec.child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      output = Buffer.concat([output, chunk]).subarray(-probeOutputBytes);
    });
  }
  let timedOut = false;
  const end = () => void exec.hangUp(0);
  const timer = setTimeout(() => {
    timedOut = true;
    end();
  }, timeoutMs);
  signal?.addEventListener('abort', end, { once: true });
  try {
    const exitCode = await exec.ended;
    if (exitCode === null && !timedOut) await exec.started;
    return { exitCode: exitCode ?? 137, timedOut, output: output.toString('utf8') };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', end);
    exec.child.stdout?.destroy();
    exec.child.stderr?.destroy();
  }
}
