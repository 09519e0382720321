// The agent's side of the keeper (keeper/main.ts), which is the parent and monitor of every container and outlives the
// agent. Starts it when there is none, and speaks with it.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readdirSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { basename, dirname, extname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Answer, type Hello, lineReader, type Request } from '../keeper/protocol.js';
import { inKeeperView } from './keeper-view.js';
import type { OciProgram } from './oci-program.js';
import type { RuntimeOptions } from './options.js';
import type { Paths } from './paths.js';
import { type ProcessId, processOf, signalProcess } from './processes.js';
import { readOrEmpty } from './records.js';

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

export interface Monitor {
  /** Has a keeper at hand. @throws when none can be started. */
  start(): Promise<void>;
  /**
   * Creates the container, which then waits to be let go.
   * @returns its first process and its keeper.
   * @throws CreateError; nothing of it runs then.
   */
  create(at: ContainerPaths, oci: OciProgram, terminal: boolean): Promise<{ process: ProcessId; monitor: ProcessId }>;
  /** Ends the creation of the container and the watch over it. The container itself dies by its cgroup. Safe twice. */
  forget(at: ContainerPaths): Promise<void>;
  close(): void;
  /** Ends the keeper, which must keep nothing any more. */
  end(): Promise<void>;
}

interface Connection {
  readonly keeper: ProcessId;
  /** @throws NoAnswer when there is none in time, Error when the keeper has ended. */
  ask(request: Request, timeoutMs: number): Promise<Answer>;
  end(): void;
}

const sigkill = 9;
const forgetMs = 10_000;
const helloMs = 10_000;
const startTries = 200;
const startPauseMs = 25;
/** It holds next to nothing: lines go through one buffer. */
const smallHeap = ['--max-semi-space-size=1', '--max-old-space-size=64'];
/** Beside its own file: `.ts` where a loader runs the sources. */
const program = join(dirname(fileURLToPath(import.meta.url)), `../keeper/main${extname(import.meta.url)}`);

export function openMonitor(options: RuntimeOptions, paths: Paths): Monitor {
  let current: Promise<Connection> | null = null;
  let consoles = 0;

  /** @param start whether to start a keeper if there is none. */
  const connected = (start: boolean): Promise<Connection> => {
    if (current) return current;
    const forget = () => {
      if (current === made) current = null;
    };
    const made = connect(paths.keeperSocket, forget).catch((error) => {
      if (!start) throw error;
      return startKeeper(paths, forget);
    });
    made.catch(forget);
    current = made;
    return made;
  };

  return {
    start: async () => {
      await connected(true);
    },
    create: async (at, oci, terminal) => {
      const { keeper, answer } = await askToCreate(
        connected(true),
        createRequest(options, at, oci, terminal ? join(paths.run, `console-${consoles++}`) : null),
        options.createTimeoutMs,
      );
      const created = answer.pid === undefined ? null : processOf(answer.pid);
      if (created) return { process: created, monitor: keeper };
      throw new CreateError(answer.error ?? 'the container’s first process ended before it was let go', false);
    },
    forget: async (at) => {
      // The keeper writes it when it has let go.
      if (existsSync(at.exitFile)) return;
      try {
        await (await connected(false)).ask({ do: 'forget', container: at.id }, forgetMs);
      } catch {
        endCreations(at.id);
      }
    },
    close: () => {
      current?.then(
        (connection) => connection.end(),
        () => {},
      );
    },
    end: async () => {
      try {
        const connection = await connected(false);
        await connection.ask({ do: 'end' }, forgetMs);
        connection.end();
      } catch {
        // There was none, or it ended before it could say so.
      }
    },
  };
}

async function askToCreate(connecting: Promise<Connection>, request: Request & { do: 'create' }, timeoutMs: number) {
  const late = `${basename(request.program)} did not answer within ${timeoutMs / 1000} s`;
  try {
    const connection = await connecting;
    return { keeper: connection.keeper, answer: await connection.ask(request, timeoutMs) };
  } catch (error) {
    if (error instanceof NoAnswer) throw new CreateError(late, true);
    throw new CreateError((error as Error).message, false);
  }
}

function createRequest(
  options: RuntimeOptions,
  at: ContainerPaths,
  { program, args }: OciProgram,
  consoleSocket: string | null,
): Request & { do: 'create' } {
  const terminal = consoleSocket === null ? [] : ['--console-socket', consoleSocket];
  return {
    do: 'create',
    container: at.id,
    program,
    // runsc starts itself again by its path, and is large.
    seal: program === options.programs.crun,
    args: [...args, 'create', '--bundle', at.directory, '--pid-file', at.pidFile, ...terminal, at.id],
    consoleSocket,
    path: process.env.PATH ?? '',
    pidFile: at.pidFile,
    log: at.log,
    maxLogBytes: options.logs.maxContainerBytes,
    logFiles: options.logs.files,
    exitFile: at.exitFile,
    exitDraft: at.exitDraft,
  };
}

async function startKeeper(paths: Paths, onEnd: () => void): Promise<Connection> {
  const log = openSync(paths.keeperLog, 'w', 0o600);
  try {
    const args = [...smallHeap, ...process.execArgv, program, paths.keeperSocket];
    // In a session of its own, so that nothing that is meant for the agent ends it.
    const view = inKeeperView(paths, process.execPath, args);
    const child = spawn(view.program, view.args, {
      detached: true,
      stdio: ['ignore', log, log],
      env: { PATH: process.env.PATH },
      // From where a loader that was given to the agent is found.
      cwd: dirname(program),
    });
    child.once('error', () => {});
    child.unref();
  } finally {
    closeSync(log);
  }
  for (let tried = 1; ; tried++) {
    await sleep(startPauseMs);
    try {
      return await connect(paths.keeperSocket, onEnd);
    } catch (error) {
      if (tried < startTries) continue;
      throw new Error(
        `The keeper of the containers did not start: ${readOrEmpty(paths.keeperLog).slice(-500) || (error as Error).message}`,
      );
    }
  }
}

/** It did not answer in time. */
class NoAnswer extends Error {}

/** @param onEnd is called once when a connection that stood has ended. */
function connect(path: string, onEnd: () => void): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const asked = new Map<number, { resolve(answer: Answer): void; reject(error: Error): void }>();
    let lastId = 0;
    const socket: Socket = createConnection(path);
    socket.unref();
    const late = setTimeout(() => socket.destroy(new Error('the keeper of the containers does not answer')), helloMs);
    const ask = (request: Request, timeoutMs: number) =>
      new Promise<Answer>((answered, failed) => {
        const id = ++lastId;
        const timer = setTimeout(() => failed(new NoAnswer()), timeoutMs);
        const settle =
          <T>(how: (value: T) => void) =>
          (value: T) => {
            clearTimeout(timer);
            asked.delete(id);
            how(value);
          };
        asked.set(id, { resolve: settle(answered), reject: settle(failed) });
        socket.write(`${JSON.stringify({ ...request, id })}\n`);
      });
    const take = (line: string) => {
      const said = JSON.parse(line) as Answer | Hello;
      if (!('keeper' in said)) return asked.get(said.id)?.resolve(said);
      clearTimeout(late);
      const keeper = processOf(said.keeper);
      if (keeper) resolve({ keeper, ask, end: () => socket.destroy() });
    };
    socket.setEncoding('utf8').on(
      'data',
      lineReader(take, () => socket.destroy()),
    );
    socket.once('error', reject);
    socket.once('close', () => {
      clearTimeout(late);
      onEnd();
      const error = new Error('the keeper of the containers has ended');
      reject(error);
      for (const waiting of asked.values()) waiting.reject(error);
    });
  });
}

/** What a keeper that was killed has left behind in the middle of its work: crun, and the first process of a container. */
function endCreations(containerId: string): void {
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const args = readOrEmpty(`/proc/${name}/cmdline`).split('\0');
    const id = args.includes('create') && args.includes(containerId) ? processOf(Number(name)) : null;
    if (id) signalProcess(id, sigkill);
  }
}
