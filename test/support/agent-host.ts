// The whole agent as a process of its own, with real containers and a gateway that only speaks the contract. It can be
// killed as a machine would kill it, and started again; what is on the host is looked at from outside (process-watch.ts).
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { ContainerSpec, DesiredTask, TaskId, TaskReport, TaskSpec } from '@berth/contract';
import { startGateway, type TestGateway, type TestLink } from '../../agent/test/gateway.js';
import { containerSpec, taskSpec } from '../../agent/test/tasks.js';
import { startRegistry, type TestRegistry } from './registry.js';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const launcher = join(root, 'agent/bin/berth-agent');
const main = join(root, 'agent/src/main.ts');

export interface AgentHost {
  readonly instance: string;
  readonly dataDirectory: string;
  readonly gateway: TestGateway;
  /** The link of the agent's present life. */
  readonly link: TestLink;
  /** The agent's process, while there is one. */
  readonly pid: number | undefined;
  /** Runs a shell command in the agent's private mount namespace. */
  sh(script: string): Promise<string>;
  /** Returns when the agent has said hello. @param more settings of this life, on top of those of the host. */
  start(more?: NodeJS.ProcessEnv): Promise<TestLink>;
  /** Does nothing when the agent does not run. */
  kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<void>;
  run(...tasks: readonly TaskSpec[]): void;
  stop(...tasks: readonly TaskSpec[]): void;
  /** The first report of the task that says so. */
  reported(task: TaskSpec, what: (report: TaskReport) => boolean): Promise<TaskReport>;
  /** Undoes everything, and forgets the namespace and the data. */
  destroy(): Promise<void>;
}

/** The agent is not started yet. @param settings of the agent (agent/src/config.ts), on top of what a test host needs. */
export async function agentHost(settings: NodeJS.ProcessEnv = {}): Promise<AgentHost> {
  const gateway = await startGateway(5_000);
  const dataDirectory = await mkdtemp(join(tmpdir(), 'berth-test-agent-'));
  const environment = testEnvironment(gateway, dataDirectory, settings);
  const instance = environment.BERTH_AGENT_INSTANCE as string;
  let child: ChildProcess | null = null;
  let link: TestLink | null = null;

  const currentLink = (): TestLink => {
    if (!link) throw new Error('The agent was not started.');
    return link;
  };

  async function start(more: NodeJS.ProcessEnv = {}): Promise<TestLink> {
    const env = { ...environment, BERTH_HOST_TOKEN: gateway.token(), ...more };
    const begun = spawn(launcher, ['exec', process.execPath, '--import', 'tsx', main], {
      cwd: root,
      env,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    child = begun;
    const gone = once(begun, 'exit').then(([code, signal]) => Promise.reject(new Error(`the agent ended with ${signal ?? code}`)));
    gone.catch(() => {});
    link = await Promise.race([gateway.nextLink(), gone]);
    return link;
  }

  async function kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill(signal);
    await exit;
  }

  return {
    instance,
    dataDirectory,
    gateway,
    get link() {
      return currentLink();
    },
    get pid() {
      return child?.exitCode === null && child.signalCode === null ? child.pid : undefined;
    },
    sh: async (script) => (await run(launcher, ['exec', 'sh', '-c', script], { env: environment })).stdout,
    start,
    kill,
    run: (...tasks) => void currentLink().desired(tasks.map(launchOf)),
    stop: (...tasks) => void currentLink().desired(tasks.map(({ taskId }) => stopOf(taskId))),
    reported: (task, what) =>
      currentLink().until(() => currentLink().reports.find((report) => report.taskId === task.taskId && what(report))),
    async destroy() {
      await kill('SIGKILL');
      await run(launcher, ['exec', process.execPath, '--import', 'tsx', main, 'teardown'], { cwd: root, env: environment });
      await run(launcher, ['unpin'], { env: environment });
      await rm(dataDirectory, { recursive: true, force: true });
      await gateway.close();
    },
  };
}

export interface BusyboxHost extends AgentHost {
  readonly registry: TestRegistry;
  /** busybox, in the registry. */
  readonly image: string;
}

/** With a registry of its own, and started. `destroy` ends both. @param settings as for `agentHost` */
export async function busyboxHost(settings: NodeJS.ProcessEnv = {}): Promise<BusyboxHost> {
  const registry = await startRegistry();
  const image = await registry.push('busybox', {});
  const host = await agentHost({ BERTH_INSECURE_REGISTRIES: registry.address, ...settings });
  await host.start();
  const destroy = async () => {
    await host.destroy();
    await registry.stop();
  };
  return Object.assign(Object.create(host) as AgentHost, { registry, image, destroy });
}

function testEnvironment(gateway: TestGateway, dataDirectory: string, settings: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const number = Math.floor(Math.random() * 200);
  return {
    PATH: process.env.PATH,
    BERTH_AGENT_INSTANCE: `a${Math.random().toString(36).slice(2, 8)}`,
    BERTH_AGENT_DATA: dataDirectory,
    BERTH_AGENT_SUBNET: `10.${60 + (number % 40)}.${number}.0/24`,
    BERTH_AGENT_UID_BASE: '1700000000',
    BERTH_AGENT_POOL_SIZE: '4',
    BERTH_GATEWAY_URL: gateway.url,
    BERTH_LOG_LEVEL: 'error',
    ...settings,
  };
}

export const launchOf = (spec: TaskSpec): DesiredTask => ({ taskId: spec.taskId, desired: 'running', spec });
export const stopOf = (taskId: TaskId): DesiredTask => ({ taskId, desired: 'stopped', stopCode: 'UserInitiated', reason: 'asked for' });

/** A task of one container that runs this shell script. */
export function shellTask(image: string, script: string, more: Partial<ContainerSpec> = {}, ofTask: Partial<TaskSpec> = {}): TaskSpec {
  return taskSpec({ memoryMiB: 64, containers: [containerSpec({ image, command: ['sh', '-c', script], ...more })], ...ofTask });
}
