// Keeps containers: has crun (or runsc) create them, is the parent of their first processes, reads their output into their
// logs and writes down how they end. Knows nothing of tasks and decides nothing; the agent may come and go meanwhile.
import { closeSync, openSync, readFileSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { basename } from 'node:path';
import type { ReadStream } from 'node:tty';
import { descendantsOf, signalProcess } from '../runtime/processes.js';
import type { SealedPrograms } from '../runtime/sealed-programs.js';
import { makePipe, spawnProgram, terminalPeer, waitAny } from '../runtime/spawn.js';
import { readTerminal } from '../runtime/terminal-reader.js';
import { receiveConsole } from './console.js';
import { ContainerLog, type Stream } from './container-log.js';
import type { CreateRequest } from './protocol.js';

type Created = { readonly pid: number } | { readonly error: string };

interface Kept {
  readonly request: CreateRequest;
  readonly log: ContainerLog;
  readonly outputs: Output[];
  /** The program that creates it; null once that has ended. */
  creator: Creator | null;
  /** Its first process; null until it is known. */
  pid: number | null;
  /** What the creating program has said on stderr, which afterwards is the container's. */
  said: Buffer[];
}

interface Creator {
  readonly pid: number;
  readonly ended: (created: Created) => void;
  readonly over: Promise<Created>;
}

interface Output {
  readonly socket: Socket | ReadStream;
  readonly closed: Promise<void>;
  /** From now on it ends as soon as nobody in the container has it open. Safe twice. */
  readonly release?: () => void;
}

export interface Keeper {
  /** Resolves when the container waits to be let go, or with the reason why it does not. */
  create(request: CreateRequest): Promise<Created>;
  /** Resolves when nothing that creates the container runs any more. Safe twice. */
  forget(container: string): Promise<void>;
  /** Takes back what has ended: to be called on SIGCHLD, and safe at any time. */
  reap(): void;
  readonly size: number;
}

const sigkill = 9;
const readBytes = 64 * 1024;
const maxSaidBytes = 16 * 1024;
/** With its first process all processes of a container die, and with them what they have not read out yet is all there is. */
const drainMs = 1000;
const forgetMs = 5000;

export function createKeeper(sealed: SealedPrograms): Keeper {
  const kept = new Map<string, Kept>();
  /** Ends of processes that may turn out to be a container's first, while any are being created. */
  const unclaimed = new Map<number, number>();
  /** One for all: what was read is written to the log before anything else is read. */
  const buffer = Buffer.allocUnsafe(readBytes);
  const nothing = openSync('/dev/null', 'r');

  const create = async (request: CreateRequest): Promise<Created> => {
    if (kept.has(request.container)) return { error: `the container ${request.container} is kept already` };
    try {
      return await begin(request);
    } catch (error) {
      return { error: (error as Error).message };
    }
  };

  const begin = (request: CreateRequest): Promise<Created> => {
    const log = new ContainerLog(request.log, { maxBytes: request.maxLogBytes, files: request.logFiles });
    const [stdout, stderr] = [makePipe(), makePipe()];
    if (request.consoleSocket !== null) receiveConsole(request.consoleSocket, (fd) => readConsole(request.container, fd));
    let pid: number;
    try {
      pid = start(request, stdout.writeEnd, stderr.writeEnd);
    } catch (error) {
      for (const end of [stdout.readEnd, stderr.readEnd]) closeSync(end);
      log.close();
      throw error;
    } finally {
      // Else the container's end would not be the end of its output.
      for (const end of [stdout.writeEnd, stderr.writeEnd]) closeSync(end);
    }
    let ended: Creator['ended'] = () => {};
    const over = new Promise<Created>((resolve) => {
      ended = resolve;
    });
    const outputs = [read(request.container, 'stdout', stdout.readEnd), read(request.container, 'stderr', stderr.readEnd)];
    kept.set(request.container, { request, log, outputs, creator: { pid, ended, over }, pid: null, said: [] });
    return over;
  };

  const start = ({ program, seal, args, path }: CreateRequest, stdout: number, stderr: number): number =>
    spawnProgram(
      seal ? sealed.pathOf(program) : program,
      [basename(program), ...args],
      { PATH: path, LC_ALL: 'C' },
      { stdin: nothing, stdout, stderr },
    );

  const read = (container: string, stream: Stream, fd: number): Output => {
    const onData = (bytes: number) => {
      const one = kept.get(container);
      if (!one) return true;
      const data = buffer.subarray(0, bytes);
      if (one.creator && stream === 'stderr') keepSaid(one, data);
      else one.log.write(stream, data, new Date());
      return true;
    };
    const socket = new Socket({ fd, readable: true, writable: false, onread: { buffer, callback: onData } } as object);
    socket.on('error', () => {});
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.resume();
    return { socket, closed };
  };

  const readConsole = (container: string, fd: number) => {
    const one = kept.get(container);
    const release = holdOpen(fd);
    const { socket, ended } = readTerminal(fd, (data) => {
      if (one && kept.get(container) === one) one.log.write('stdout', data, new Date());
      return true;
    });
    if (one) {
      one.outputs.push({ socket, closed: ended, release });
      return;
    }
    release();
    socket.destroy();
  };

  const reap = () => {
    for (let ended = waitAny(); ended; ended = waitAny()) {
      const { pid, exitCode } = ended;
      const one = [...kept.values()].find((candidate) => candidate.creator?.pid === pid || candidate.pid === pid);
      if (!one) unclaimed.set(pid, exitCode);
      else if (one.creator?.pid === pid) void created(one, exitCode);
      else void finish(one, exitCode);
    }
    if (![...kept.values()].some(({ creator }) => creator)) unclaimed.clear();
  };

  const created = async (one: Kept, exitCode: number): Promise<void> => {
    const { creator, request, said } = one;
    const pid = exitCode === 0 ? pidIn(request.pidFile) : null;
    if (pid === null) {
      await drained(one);
      letGo(one);
      creator?.ended({ error: Buffer.concat(one.said).toString('utf8') || `${basename(request.program)} ended with ${exitCode}` });
      return;
    }
    one.pid = pid;
    one.creator = null;
    for (const data of said.splice(0)) one.log.write('stderr', data, new Date());
    creator?.ended({ pid });
    const endedBefore = unclaimed.get(pid);
    if (endedBefore !== undefined) await finish(one, endedBefore);
  };

  const finish = async (one: Kept, exitCode: number): Promise<void> => {
    const at = new Date();
    // Nobody is to hear of the end before the last line is in the log.
    await drained(one);
    if (kept.get(one.request.container) !== one) return;
    letGo(one);
    writeExit(one.request, exitCode, at);
  };

  const drained = ({ outputs }: Kept) => {
    for (const { release } of outputs) release?.();
    return within(drainMs, Promise.all(outputs.map(({ closed }) => closed)));
  };

  const letGo = (one: Kept) => {
    if (kept.get(one.request.container) === one) kept.delete(one.request.container);
    for (const { socket, release } of one.outputs) {
      release?.();
      socket.destroy();
    }
    one.log.close();
  };

  return {
    create,
    forget: async (container) => {
      const one = kept.get(container);
      if (!one) return;
      const { creator } = one;
      if (creator) await endCreation(creator);
      if (kept.get(container) === one) letGo(one);
    },
    reap,
    get size() {
      return kept.size;
    },
  };
}

/**
 * A terminal ends for good when its other side is closed by all, and who opens it again gets EIO. Programs do that while they
 * live: systemd has its console open only while it says something.
 */
function holdOpen(master: number): () => void {
  let peer = peerOf(master);
  return () => {
    if (peer !== null) closeSync(peer);
    peer = null;
  };
}

/** Null where there is none to be had, for want of descriptors: no reason to end all that is kept. */
function peerOf(master: number): number | null {
  try {
    return terminalPeer(master);
  } catch {
    return null;
  }
}

/** The program, and what it has started so far: the container's first process among it. */
async function endCreation({ pid, over }: Creator): Promise<void> {
  const below = descendantsOf(pid);
  process.kill(pid, 'SIGKILL');
  for (const each of below) signalProcess(each, sigkill);
  await within(forgetMs, over);
}

function keepSaid({ said }: Kept, data: Buffer): void {
  const bytes = said.reduce((sum, part) => sum + part.length, 0);
  if (bytes < maxSaidBytes) said.push(Buffer.from(data.subarray(0, maxSaidBytes - bytes)));
}

function pidIn(file: string): number | null {
  try {
    const pid = Number(readFileSync(file, 'utf8'));
    return Number.isInteger(pid) && pid > 1 ? pid : null;
  } catch {
    return null;
  }
}

/** The file's time is the time of the end. The task may have been cleaned away meanwhile, and its directories with it. */
function writeExit({ exitFile, exitDraft }: CreateRequest, exitCode: number, at: Date): void {
  try {
    writeFileSync(exitDraft, `${exitCode}`);
    utimesSync(exitDraft, at, at);
    renameSync(exitDraft, exitFile);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}
