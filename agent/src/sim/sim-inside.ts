// The inside of simulated containers: programs that only seem to run, and one file that any path is. Enough for what lies
// above the port: sessions, channels, ends and events.
import { Duplex, PassThrough, Readable } from 'node:stream';
import type { TaskId } from '@berth/contract';
import type { ExecRequest } from '../runtime/exec-spec.js';
import { type ExecSession, type Inside, InsideError } from '../runtime/inside.js';
import type { SimMachine } from './sim-machine.js';

const killed = 129;

/**
 * `cat` gives its input back; `exit N` ends with N; `print N` writes N bytes; `sleep` waits to be hung up; `size` says
 * how large its terminal is, again with each change. Anything else is no program.
 */
export function simInside(machine: SimMachine): Inside {
  const requireRunning = (taskId: TaskId, container: string) => {
    const found = machine.containers.get(taskId)?.get(container);
    if (!found || found.exit) throw new InsideError('container_not_running', { container });
  };
  return {
    async exec(taskId, container, request) {
      requireRunning(taskId, container);
      return simProgram(request);
    },
    async copyOut(taskId, container, path) {
      requireRunning(taskId, container);
      return simProgram({ command: ['echo', `tar of ${path}`], tty: false });
    },
    async copyIn(taskId, container) {
      requireRunning(taskId, container);
      return simProgram({ command: ['swallow'], tty: false });
    },
    async stat(taskId, container, path) {
      requireRunning(taskId, container);
      if (path === '/missing') throw new InsideError('path_not_found', { path, container });
      return { path, kind: 'directory', sizeBytes: 0, mode: 0o755 };
    },
    async connect(taskId, port) {
      if (!machine.containers.has(taskId) || port === 1) throw new InsideError('port_closed', { port: String(port) });
      return echoSocket();
    },
  };
}

function simProgram({
  command,
  size,
}: Pick<ExecRequest, 'command' | 'tty'> & { size?: { columns: number; rows: number } | null }): ExecSession {
  const [verb = '', value = ''] = command;
  const stdin = new PassThrough();
  const stdout = new PassThrough();
  let end: (code: number) => void = () => {};
  const code = new Promise<number>((resolve) => {
    end = (exitCode) => {
      resolve(exitCode);
      if (!stdout.writableEnded) stdout.end();
    };
  });
  const session: ExecSession = {
    stdin,
    stdout,
    stderr: null,
    resize: (to) => void (verb === 'size' && stdout.write(`${to.columns}x${to.rows}\n`)),
    exitCode: Promise.all([code, new Promise((resolve) => stdout.once('end', resolve))]).then(([exitCode]) => exitCode),
    hangUp: async () => end(killed),
  };
  switch (verb) {
    case 'cat':
      stdin.pipe(stdout, { end: false });
      stdin.once('end', () => end(0));
      return session;
    case 'swallow':
      stdin.resume().once('end', () => end(0));
      return session;
    case 'echo':
      stdout.write(value);
      end(0);
      return session;
    case 'exit':
      end(Number(value));
      return session;
    case 'print':
      print(Number(value))
        .pipe(stdout, { end: false })
        .once('unpipe', () => end(0));
      return session;
    case 'size':
      session.resize(size ?? { columns: 80, rows: 24 });
      return session;
    case 'sleep':
      return session;
    default:
      throw new InsideError('exec_failed', { detail: `the image has no program "${verb}"` });
  }
}

function print(bytes: number): Readable {
  let left = bytes;
  return new Readable({
    read(size) {
      const part = Math.min(size, left);
      left -= part;
      this.push(part === 0 ? null : Buffer.alloc(part, 'x'));
    },
  });
}

/** Says everything back, and is at its end when the other side is. */
function echoSocket(): Duplex {
  const back = new PassThrough();
  return Duplex.from({ readable: back, writable: back });
}
