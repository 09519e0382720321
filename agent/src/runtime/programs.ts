// Runs the few programs the runtime needs, each with a time limit and bounded output.
import { spawn } from 'node:child_process';

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

/** Runs a program to its end and says how it ended. Rejects only if it could not be run at all. */
export async function runProgram(program: string, args: readonly string[], options: ProgramOptions): Promise<ProgramResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env: options.env ?? process.env, detached: true });
    if (child.pid !== undefined) options.onSpawn?.(child.pid);
    let timedOut = false;
    // The whole process group: a hung helper of the program must not keep our pipes open.
    const timer = setTimeout(() => {
      timedOut = true;
      killGroup(child.pid);
    }, options.timeoutMs);
    const abort = () => killGroup(child.pid);
    options.signal?.addEventListener('abort', abort, { once: true });
    if (options.signal?.aborted) abort();
    const settle = () => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', abort);
    };
    const collected = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (text: string) => {
        collected[stream] = (collected[stream] + text).slice(-maxOutputCharacters);
      });
    }
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
    child.once('error', (error) => {
      settle();
      reject(new Error(`${program} could not be run: ${error.message}. Is its package installed?`, { cause: error }));
    });
    child.once('close', (code) => {
      settle();
      resolve({ code, ...collected, timedOut });
    });
  });
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

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It ended by itself in the meantime.
  }
}
