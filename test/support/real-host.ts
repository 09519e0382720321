// A whole Berth with one real host on this machine: the control plane in this process, the agent in its own, killed as a
// machine would kill it and started again. For tests of what runs through all of it.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { ContainerSpec, Isolation, Task } from '@berth/contract';
import { vi } from 'vitest';
import { HostLinks } from '../../src/agents/host-links.service.js';
import { type Api, startApi } from './api.js';
import { type ChannelClient, openChannels } from './channel-client.js';
import { startRegistry, type TestRegistry } from './registry.js';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const launcher = join(root, 'agent/bin/berth-agent');
const main = join(root, 'agent/src/main.ts');
const patience = { timeout: 60_000, interval: 50 };

type Container = Partial<Pick<ContainerSpec, 'command' | 'user' | 'readonlyRootFilesystem' | 'workingDirectory' | 'environment'>> & {
  readonly image: string;
  readonly tmpfs?: object[];
  readonly healthCheck?: object;
  /** Of the task: `container` if left out. */
  readonly isolation?: Isolation;
};

export interface RealHost {
  /** Of the agent; names what is on the host. */
  readonly instance: string;
  readonly berth: Api;
  readonly registry: TestRegistry;
  readonly tenant: { readonly id: string; readonly key: string };
  /** A task of one container, which is running. */
  run(container: Container): Promise<Task>;
  exec(taskId: string, command: string[], more?: object): Promise<ChannelClient>;
  /** Runs a command in the task's container to its end. */
  output(taskId: string, command: string[], more?: object): Promise<{ stdout: string; stderr: string; status: unknown }>;
  events(taskId: string): Promise<{ type: string; reason: string }[]>;
  /** Runs a shell command in the agent's mount namespace. */
  sh(command: string): Promise<string>;
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** @param given where the agent has its data, in place of a temporary directory. */
export async function startRealHost(given?: string): Promise<RealHost> {
  const registry = await startRegistry();
  const berth = await startApi({
    BERTH_DEFAULT_REGISTRY: registry.address,
    BERTH_INSECURE_REGISTRIES: registry.address,
    BERTH_HEARTBEAT_MS: '500',
  });
  const tenant = await berth.newTenant('developer');
  const api = berth.as(tenant.key);
  const data = given ?? (await mkdtemp(join(tmpdir(), 'berth-test-agent-')));
  const number = Math.floor(Math.random() * 200);
  const { body: token } = await berth.as(berth.operatorKey).post('/v1/host-tokens').send({}).expect(201);
  const env = {
    PATH: process.env.PATH,
    BERTH_AGENT_INSTANCE: `e${Math.random().toString(36).slice(2, 8)}`,
    BERTH_AGENT_DATA: data,
    BERTH_AGENT_SUBNET: `10.${100 + (number % 40)}.${number}.0/24`,
    BERTH_AGENT_UID_BASE: '1800000000',
    BERTH_AGENT_POOL_SIZE: '4',
    BERTH_GATEWAY_URL: berth.config.gateway.url,
    BERTH_INSECURE_REGISTRIES: registry.address,
    BERTH_HOST_TOKEN: token.token,
    BERTH_LOG_LEVEL: 'warn',
  };
  const links = berth.app.get(HostLinks);
  let child: ChildProcess | null = null;
  const agent = (...args: string[]) => ['exec', process.execPath, '--import', 'tsx', main, ...args];

  const host: RealHost = {
    instance: env.BERTH_AGENT_INSTANCE,
    berth,
    registry,
    tenant,
    async run({ image, isolation = 'container', ...container }) {
      const definition = {
        family: 'inside',
        isolation,
        memoryMiB: 128,
        ephemeralStorageMiB: 64,
        containers: [{ name: 'main', image, ...container }],
      };
      const { body } = await api.post('/v1/tasks').send({ definition }).expect(201);
      const [task] = body.items as [Task];
      await vi.waitUntil(async () => (await api.get(`/v1/tasks/${task.id}`)).body.state === 'running', patience);
      return task;
    },
    async exec(taskId, command, more = {}) {
      const { body } = await api
        .post(`/v1/tasks/${taskId}/exec`)
        .send({ command, ...more })
        .expect(201);
      return openChannels(`${berth.url}${body.url}`, { token: body.token });
    },
    async output(taskId, command, more = {}) {
      const client = await host.exec(taskId, command, more);
      client.endInput();
      const status = await client.ended;
      return { stdout: client.text(), stderr: client.text(2), status };
    },
    events: async (taskId) => (await api.get(`/v1/tasks/${taskId}/events?limit=500`).expect(200)).body.items,
    sh: async (command) => (await run(launcher, ['exec', 'sh', '-c', command], { env })).stdout,
    async kill() {
      if (!child || child.exitCode !== null || child.signalCode !== null) return;
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
      await vi.waitUntil(() => links.hostIds.length === 0, patience);
    },
    async start() {
      child = spawn(launcher, agent(), { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'] });
      await vi.waitUntil(() => links.hostIds.length === 1, patience);
    },
    async stop() {
      await host.kill();
      await run(launcher, agent('teardown'), { cwd: root, env });
      await run(launcher, ['unpin'], { env });
      await rm(data, { recursive: true, force: true });
      await berth.stop();
      await registry.stop();
    },
  };
  await host.start();
  return host;
}
