// A container runtime for tests, in a process of its own that lives in an instance's private mount namespace, as the
// agent does. It can be killed and started again, as the agent can.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ContainerSpec, LogLine, NetworkState, SecretValues, StatsSample, TaskId, TaskSpec } from '@berth/contract';
import type { RuntimeOptions } from '../../agent/src/runtime/options.js';
import type { Exit, HostFacts, LogRequest, Observed, Prepared, Started } from '../../agent/src/runtime/runtime.js';
import type { TaskCounters } from '../../agent/src/runtime/stats-rates.js';

const run = promisify(execFile);
const launcher = fileURLToPath(new URL('../../agent/bin/berth-agent', import.meta.url));
const driver = fileURLToPath(new URL('./runtime-driver.ts', import.meta.url));
const root = fileURLToPath(new URL('../..', import.meta.url));

/** What the driver answers to; see runtime-driver.ts. */
export interface RuntimeCalls {
  start(known: readonly TaskId[]): Promise<HostFacts>;
  keepSecrets(taskId: TaskId, values: SecretValues): Promise<void>;
  prepare(spec: TaskSpec): Promise<Prepared>;
  startContainer(spec: TaskSpec, container: ContainerSpec): Promise<Started>;
  stopContainer(taskId: TaskId, container: ContainerSpec): Promise<void>;
  killContainer(taskId: TaskId, container: string): Promise<void>;
  observe(taskId: TaskId, container: string): Promise<Observed>;
  cleanup(taskId: TaskId): Promise<void>;
  logs(taskId: TaskId, request: Partial<Omit<LogRequest, 'signal'>>): Promise<LogLine[]>;
  /** Ended tasks whose logs have to go into the log store. */
  logsToStore(): Promise<TaskId[]>;
  /** What goes there, and notes that it has gone. */
  storedText(taskId: TaskId): Promise<string>;
  taskStats(taskId: TaskId): Promise<TaskCounters | null>;
  resize(spec: TaskSpec): Promise<void>;
  setFrozen(taskId: TaskId, frozen: boolean): Promise<void>;
  signal(taskId: TaskId, container: string, signal: string): Promise<boolean>;
  statsHistory(taskId: TaskId): Promise<StatsSample[]>;
  exits(): Promise<{ taskId: TaskId; container: string; exit: Exit }[]>;
  descriptors(): Promise<string[]>;
  setNetwork(state: NetworkState): Promise<void>;
  removeVolumes(volumeIds: readonly string[]): Promise<string[]>;
  close(): Promise<void>;
  teardown(): Promise<void>;
}

/** A failure in the driver, with the stop code if it was a TaskStartError. */
export class RuntimeCallError extends Error {
  constructor(
    message: string,
    readonly stopCode: string | null,
  ) {
    super(message);
  }
}

export interface RuntimeHost {
  readonly instance: string;
  readonly dataDirectory: string;
  readonly call: RuntimeCalls;
  /** Runs a shell command in the private mount namespace. */
  sh(command: string): Promise<string>;
  /** Ends the runtime's process as a crash would, and begins a new one. `start` is to be called again. */
  restart(): Promise<void>;
  /** Undoes everything, and forgets the namespace and the data. */
  destroy(): Promise<void>;
}

export type TestOptions = Partial<Omit<RuntimeOptions, 'clock' | 'log' | 'dataDirectory'>>;

export async function runtimeHost(options: TestOptions = {}): Promise<RuntimeHost> {
  const number = Math.floor(Math.random() * 200);
  const instance = options.instance ?? `t${Math.random().toString(36).slice(2, 8)}`;
  const dataDirectory = await mkdtemp(join(tmpdir(), 'berth-test-runtime-'));
  const env = { ...process.env, BERTH_AGENT_INSTANCE: instance };
  const all = {
    subnet: `10.${20 + (number % 40)}.${number}.0/24`,
    uidBase: 1_500_000_000,
    uidRanges: 200,
    poolSize: 4,
    ...options,
    instance,
    dataDirectory,
  };
  let child = startDriver(all, env);
  const call = new Proxy({} as RuntimeCalls, {
    get:
      (_target, method: string) =>
      (...args: unknown[]) =>
        child.ask(method, args),
  });
  return {
    instance,
    dataDirectory,
    call,
    sh: async (command) => (await run(launcher, ['exec', 'sh', '-c', command], { env })).stdout,
    restart: async () => {
      await child.kill();
      child = startDriver(all, env);
    },
    destroy: async () => {
      await call.teardown();
      await child.kill();
      await run(launcher, ['unpin'], { env });
      await rm(dataDirectory, { recursive: true, force: true });
    },
  };
}

function startDriver(options: object, env: NodeJS.ProcessEnv) {
  const child: ChildProcess = spawn(launcher, ['exec', process.execPath, '--import', 'tsx', driver, JSON.stringify(options)], {
    env,
    cwd: root,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  let next = 0;
  void gone.then(() => {
    for (const { reject } of waiting.values()) reject(new Error('the runtime’s process has ended'));
  });
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
    const { id, result, error } = JSON.parse(line) as { id: number; result?: never; error?: { message: string; stopCode: string | null } };
    const asked = waiting.get(id);
    waiting.delete(id);
    if (error) asked?.reject(new RuntimeCallError(error.message, error.stopCode));
    else asked?.resolve(result as never);
  });
  return {
    ask: (method: string, args: unknown[]) =>
      new Promise((resolve, reject) => {
        const id = next++;
        waiting.set(id, { resolve, reject });
        child.stdin?.write(`${JSON.stringify({ id, method, args })}\n`);
      }),
    kill: async () => {
      child.kill('SIGKILL');
      await gone;
    },
  };
}
