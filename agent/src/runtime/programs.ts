// Runs the few programs the runtime needs, each with a time limit and bounded output.
import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { makePipe, spawnProgram, waitFor } from './spawn.js';

export interface ProgramResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
}

export interface ProgramOptions {
  readonly timeoutMs: number;
  /** Written to its standard input, which is empty otherwise. */
  readonly input?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Kills it when it fires. */
  readonly signal?: AbortSignal;
  /** Is told its pid, and is not waited for. */
  readonly onSpawn?: (pid: number) => void;
}

const maxOutputCharacters = 64 * 1024;
const longestPauseMs = 50;

/** Runs a program to its end and says how it ended. Rejects only if it could not be run at all. */
export async function runProgram(program: string, args: readonly string[], options: ProgramOptions): Promise<ProgramResult> {
  const { pid, stdin, outputs } = start(program, args, options.env ?? process.env);
  options.onSpawn?.(pid);
  let timedOut = false;
  // The whole process group: a hung helper of the program must not keep our pipes open.
  const timer = setTimeout(() => {
    timedOut = true;
    killGroup(pid);
  }, options.timeoutMs);
  const abort = () => killGroup(pid);
  options.signal?.addEventListener('abort', abort, { once: true });
  if (options.signal?.aborted) abort();
  try {
    stdin.end(options.input ?? '');
    const [stdout = '', stderr = ''] = await Promise.all(outputs.map(textOf));
    return { code: await codeOf(pid), stdout, stderr, timedOut };
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', abort);
  }
}

/** By posix_spawn: Node's own way stops this thread for as long as it takes to copy its page tables. */
function start(program: string, args: readonly string[], env: NodeJS.ProcessEnv) {
  const pipes = { stdin: makePipe(), stdout: makePipe(), stderr: makePipe() };
  const { stdin, stdout, stderr } = pipes;
  const theirs = { stdin: stdin.readEnd, stdout: stdout.writeEnd, stderr: stderr.writeEnd };
  let pid: number | null = null;
  try {
    pid = spawnProgram(program, [program, ...args], env, theirs);
  } catch (error) {
    throw new Error(`${program} could not be run: ${(error as Error).message}. Is its package installed?`, { cause: error });
  } finally {
    for (const end of Object.values(theirs)) closeSync(end);
    if (pid === null) for (const end of [stdin.writeEnd, stdout.readEnd, stderr.readEnd]) closeSync(end);
  }
  const input = new Socket({ fd: stdin.writeEnd, readable: false, writable: true });
  input.on('error', () => {});
  return {
    pid,
    stdin: input,
    outputs: [stdout, stderr].map(({ readEnd }) => new Socket({ fd: readEnd, readable: true, writable: false })),
  };
}

function textOf(output: Socket): Promise<string> {
  let text = '';
  output.setEncoding('utf8').on('data', (more: string) => {
    text = (text + more).slice(-maxOutputCharacters);
  });
  output.on('error', () => {});
  return new Promise((resolve) => output.once('close', () => resolve(text)));
}

/** Its output is over, so it has ended or is about to; the time limit still holds. */
async function codeOf(pid: number): Promise<number | null> {
  for (let pauseMs = 1; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
    const ended = waitFor(pid);
    if (ended) return ended.code;
    await sleep(pauseMs);
  }
}

/** As runProgram; a failure becomes an error that quotes what the program said. */
export async function mustRun(program: string, args: readonly string[], options: ProgramOptions): Promise<string> {
  const result = await runProgram(program, args, options);
  if (result.code === 0) return result.stdout;
  const said = result.stderr.trim().slice(-500) || 'nothing';
  throw new Error(
    `${program} ${args[0] ?? ''} ${result.timedOut ? 'was not done in time' : `ended with ${result.code}`}; it said: ${said}`,
  );
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It ended by itself in the meantime.
  }
}
