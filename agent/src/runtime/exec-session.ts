// One session of a program in a container as streams: with pipes, or with a terminal.
import { randomBytes } from 'node:crypto';
import { closeSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import { type ExecProcess, runningTier, startExec } from './exec-process.js';
import type { ExecRequest, TerminalSize } from './exec-spec.js';
import { type ExecSession, InsideError, type InsideHost } from './inside.js';
import { hostTerminal, offerTerminal, type Terminal } from './terminal.js';

/** What is nearly always enough for a shell to save its history. */
const hangUpGraceMs = 2_000;
const killedExitCode = 137;
const defaultSize: TerminalSize = { columns: 80, rows: 24 };
/** A program that has ended may have left something behind that holds its pipes. After so much silence nobody waits. */
const silenceMs = 500;

export type SessionRequest = ExecRequest & { readonly size: TerminalSize | null };

/** Resolves when the program runs. @throws InsideError */
export async function openSession(host: InsideHost, taskId: string, container: string, request: SessionRequest): Promise<ExecSession> {
  if (!request.tty) return withPipes(host, taskId, container, request);
  const inSandbox = runningTier(host, taskId, container) === 'sandbox';
  return (inSandbox ? withHostTerminal : withTerminal)(host, taskId, container, { ...request, size: request.size ?? defaultSize });
}

async function withPipes(host: InsideHost, taskId: string, container: string, request: SessionRequest): Promise<ExecSession> {
  const exec = startExec(host, taskId, container, request, { stdio: ['pipe', 'pipe', 'pipe'] });
  const { stdin, stdout, stderr } = exec.child;
  if (!stdin || !stdout || !stderr) throw new Error('spawn gave no pipes');
  // A program that does not read its input is no fault.
  stdin.on('error', () => {});
  const outputs = { stdout: untilSilence(stdout, exec.ended), stderr: untilSilence(stderr, exec.ended) };
  const exitCode = exitCodeOf(exec, Object.values(outputs));
  await exec.started;
  return {
    stdin,
    ...outputs,
    resize: () => {},
    exitCode,
    hangUp: () => exec.hangUp(hangUpGraceMs),
  };
}

type SizedRequest = SessionRequest & { readonly size: TerminalSize };

async function withTerminal(host: InsideHost, taskId: string, container: string, request: SizedRequest): Promise<ExecSession> {
  const offer = offerTerminal(join(host.paths.terminals, randomBytes(6).toString('hex')));
  try {
    const args = ['--tty', '--console-socket', offer.path];
    const exec = startExec(host, taskId, container, request, { stdio: ['ignore', 'ignore', 'ignore'], args });
    const terminal = await offer.take(exec.ended).catch(async () => {
      await exec.started;
      throw new InsideError('exec_failed', { detail: 'its host could make no terminal' });
    });
    const exitCode = exitCodeOf(exec, [terminal.output]).finally(terminal.close);
    await exec.started;
    return onTerminal(exec, terminal, terminal.output, exitCode);
  } catch (error) {
    offer.close();
    throw error;
  }
}

async function withHostTerminal(host: InsideHost, taskId: string, container: string, request: SizedRequest): Promise<ExecSession> {
  const { terminal, otherSide } = hostTerminal(request.size);
  try {
    const stdio = [otherSide, otherSide, otherSide];
    const exec = startExec(host, taskId, container, request, { stdio, takesTerminal: true });
    // What the program leaves behind has the terminal open still: no signal tells it there that its session is over.
    const output = untilSilence(terminal.output, exec.ended);
    const exitCode = exitCodeOf(exec, [output]).finally(terminal.close);
    await exec.started;
    return onTerminal(exec, terminal, output, exitCode);
  } catch (error) {
    terminal.close();
    throw error;
  } finally {
    closeSync(otherSide);
  }
}

function onTerminal(exec: ExecProcess, { input, resize }: Terminal, stdout: Readable, exitCode: Promise<number>): ExecSession {
  return { stdin: input, stdout, stderr: null, resize, exitCode, hangUp: () => exec.hangUp(hangUpGraceMs) };
}

async function exitCodeOf(exec: ExecProcess, outputs: readonly Readable[]): Promise<number> {
  const read = outputs.map(
    (output) =>
      new Promise<void>((resolve) =>
        output
          .once('end', resolve)
          .once('close', resolve)
          .once('error', () => resolve()),
      ),
  );
  const code = await exec.ended;
  await Promise.all(read);
  return code ?? killedExitCode;
}

/** The stream, which also ends when the program has ended and nothing has come for a while although somebody reads. */
export function untilSilence(source: Readable, ended: Promise<unknown>): Readable {
  const output = new PassThrough();
  let lastAtMs = 0;
  source.on('data', () => {
    lastAtMs = performance.now();
  });
  source.pipe(output);
  source.on('error', () => output.end());
  void ended.then(() => {
    lastAtMs = performance.now();
    const timer = setInterval(() => {
      const waiting = source.isPaused() || performance.now() - lastAtMs < silenceMs;
      if (waiting && !output.writableEnded) return;
      clearInterval(timer);
      source.unpipe(output);
      source.destroy();
      output.end();
    }, silenceMs / 2);
    output.once('finish', () => clearInterval(timer));
  });
  return output;
}
