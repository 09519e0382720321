// A Berth of processes that a test kills as a machine would: PostgreSQL, the control plane, and hosts of which one has real
// containers and the other simulated ones. Built programs (`npm run build`) are run, so that a new life begins quickly.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { CreatedApiKey, Tenant, UsageRecord } from '@berth/contract';
import { type Postgres, startPostgres } from '../../src/standalone/postgres.js';
import { restClient } from '../../src/standalone/rest.js';
import { freePort } from './cluster.js';
import { tellUsage } from './told-again.js';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const launcher = join(root, 'agent/bin/berth-agent');
const agentProgram = join(root, 'agent/dist/main.js');
const operatorKey = 'operator-key-of-the-tests-0123456789abcdef';

const kinds = ['real', 'simulated'] as const;
export type HostKind = (typeof kinds)[number];

export interface KillableBerth {
  readonly tenantId: string;
  databaseUrl(): string;
  /** As the tenant. @returns null when nobody answers, or there is no database. */
  call(method: string, path: string, body?: object): Promise<{ status: number; body: unknown } | null>;
  /** SIGKILL, and a new life when this resolves. */
  killDatabase(): Promise<void>;
  /** SIGKILL to one of PostgreSQL's sessions, after which it throws out all others. */
  killSession(): Promise<void>;
  killControlPlane(): Promise<void>;
  killAgent(kind: HostKind): Promise<void>;
  /** Holds the control plane still, as a machine that is too busy would. */
  pauseControlPlane(ms: number): Promise<void>;
  /** Kills an agent, and tells these in its host's name before its next life, frame by frame. */
  tellUsage(kind: HostKind, frames: readonly (readonly UsageRecord[])[]): Promise<void>;
  /** Works all usage out anew from the hosts' journals (docs/billing.md). */
  verify(): Promise<{ code: number; output: string }>;
  destroy(): Promise<void>;
}

/** @param registry address of one with the images that tasks name */
export async function startKillableBerth(registry: string): Promise<KillableBerth> {
  const directory = await mkdtemp(join(tmpdir(), 'berth-killable-'));
  const [databasePort, httpPort, gatewayPort] = [await freePort(), await freePort(), await freePort()];
  const startDatabase = () => startPostgres({ directory, port: databasePort });
  let postgres: Postgres = await startDatabase();
  const url = `http://127.0.0.1:${httpPort}`;
  const environment = {
    PATH: process.env.PATH,
    DATABASE_URL: postgres.url,
    BERTH_PKI_DIR: join(directory, 'pki'),
    BERTH_HTTP_PORT: String(httpPort),
    BERTH_GATEWAY_PORT: String(gatewayPort),
    BERTH_OPERATOR_KEY: operatorKey,
    BERTH_RATE_LIMIT_PER_SECOND: '100000',
    BERTH_DEFAULT_REGISTRY: registry,
    BERTH_INSECURE_REGISTRIES: registry,
    BERTH_USAGE_INTERVAL_MS: '1000',
    BERTH_HEARTBEAT_MS: '500',
    BERTH_LEASE_MS: '1500',
    BERTH_LOG_LEVEL: 'silent',
  };

  const children = new Map<'plane' | HostKind, ChildProcess>();
  const startPlane = async () => {
    const plane = spawnQuietly(process.execPath, [join(root, 'dist/src/main.js')], environment);
    children.set('plane', plane);
    await untilReady(url, plane);
  };
  const operator = restClient(url, operatorKey);
  const number = Math.floor(Math.random() * 200);
  const agentSettings = {
    PATH: process.env.PATH,
    BERTH_GATEWAY_URL: `wss://127.0.0.1:${gatewayPort}`,
    BERTH_INSECURE_REGISTRIES: registry,
    BERTH_LOG_LEVEL: 'fatal',
  };
  const settings: Record<HostKind, NodeJS.ProcessEnv> = {
    simulated: { ...agentSettings, BERTH_AGENT_RUNTIME: 'sim' },
    real: {
      ...agentSettings,
      BERTH_AGENT_INSTANCE: `k${Math.random().toString(36).slice(2, 8)}`,
      BERTH_AGENT_SUBNET: `10.${140 + (number % 40)}.${number}.0/24`,
      BERTH_AGENT_UID_BASE: '1600000000',
      BERTH_AGENT_POOL_SIZE: '2',
      BERTH_AGENT_CPU_MILLIS: '400',
      BERTH_AGENT_MEMORY_MIB: '512',
      BERTH_AGENT_TASK_SLOTS: '4',
    },
  };
  const startAgent = (kind: HostKind) => {
    const [program, args] = kind === 'real' ? [launcher, ['run']] : [process.execPath, [agentProgram]];
    children.set(kind, spawnQuietly(program, args, settings[kind]));
  };
  const admit = async (kind: HostKind) => {
    const { token } = await operator.post<{ token: string }>('/v1/host-tokens', {});
    const own = { BERTH_AGENT_DATA: join(directory, kind), BERTH_HOST_NAME: kind, BERTH_HOST_ZONE: kind, BERTH_HOST_TOKEN: token };
    settings[kind] = { ...settings[kind], ...own };
    startAgent(kind);
  };
  const untilAdmitted = async () => {
    for (;;) {
      const { items } = await operator.get<{ items: { state: string }[] }>('/v1/hosts');
      if (items.filter(({ state }) => state === 'active').length === kinds.length) return;
      if (kinds.some((kind) => children.get(kind)?.exitCode !== null)) throw new Error('An agent did not start.');
      await sleep(100);
    }
  };
  const destroy = async () => {
    for (const child of children.values()) await kill(child);
    if (children.has('real')) await run(launcher, ['teardown'], { env: settings.real });
    await postgres.stop();
    await rm(directory, { recursive: true, force: true });
  };

  let tenant: Tenant;
  let secret: string;
  try {
    await startPlane();
    tenant = await operator.post<Tenant>('/v1/tenants', { name: 'acme' });
    ({ secret } = await operator.post<CreatedApiKey>(`/v1/tenants/${tenant.id}/api-keys`, { name: 'test', role: 'developer' }));
    for (const kind of kinds) await admit(kind);
    await untilAdmitted();
  } catch (error) {
    await destroy();
    throw error;
  }

  return {
    tenantId: tenant.id,
    databaseUrl: () => postgres.url,
    async call(method, path, body) {
      const headers = { authorization: `Bearer ${secret}`, ...(body && { 'content-type': 'application/json' }) };
      try {
        const request = { method, headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout(10_000) };
        const answer = await fetch(`${url}${path}`, request as RequestInit);
        return answer.status === 503 ? null : { status: answer.status, body: await answer.json() };
      } catch {
        return null;
      }
    },
    async killDatabase() {
      process.kill(postgres.pid, 'SIGKILL');
      await postgres.exited;
      postgres = await startDatabase();
    },
    async killSession() {
      const { stdout } = await run('pgrep', ['-P', String(postgres.pid), '-f', '127.0.0.1']);
      process.kill(Number(stdout.trim().split('\n')[0]), 'SIGKILL');
    },
    async killControlPlane() {
      await kill(children.get('plane'));
      await startPlane();
    },
    async killAgent(kind) {
      await kill(children.get(kind));
      startAgent(kind);
    },
    async tellUsage(kind, frames) {
      await kill(children.get(kind));
      await tellUsage(agentSettings.BERTH_GATEWAY_URL, join(directory, kind), frames);
      startAgent(kind);
    },
    async pauseControlPlane(ms) {
      const plane = children.get('plane');
      plane?.kill('SIGSTOP');
      await sleep(ms);
      plane?.kill('SIGCONT');
    },
    async verify() {
      const journals = kinds.map((kind) => join(directory, kind, 'journal'));
      const verifier = [join(root, 'dist/src/billing/verify/main.js'), ...journals];
      return run(process.execPath, verifier, { env: environment }).then(
        ({ stdout }) => ({ code: 0, output: stdout }),
        ({ code, stdout }) => ({ code: code as number, output: stdout as string }),
      );
    },
    destroy,
  };
}

function spawnQuietly(program: string, args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
  return spawn(program, args, { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'] });
}

async function kill(child: ChildProcess | undefined): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

async function untilReady(url: string, plane: ChildProcess): Promise<void> {
  for (;;) {
    if (plane.exitCode !== null) throw new Error('The control plane did not start; it is built by "npm run build".');
    const answer = await fetch(`${url}/readyz`).catch(() => null);
    if (answer?.ok) return;
    await sleep(100);
  }
}
