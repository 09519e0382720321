// What `npm run bench -- durable` measures: PostgreSQL with fsync, the control plane as a process of its own, and simulated
// agents in another, all on this machine.
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { startPostgres } from '../../../src/standalone/postgres.js';
import { freePorts } from '../free-ports.js';

const root = resolve(import.meta.dirname, '../../..');
const operatorKey = 'operator-key-of-the-bench-0123456789abcdef';
const ticksPerSecond = 100;

export interface Plane {
  readonly db: pg.Client;
  /** POST as the tenant. @throws Error when the answer is none of success. */
  post(path: string, body: object): Promise<unknown>;
  /** Adds so many agents. */
  admit(count: number): Promise<void>;
  rssMiB(): Promise<number>;
  /** CPU seconds that the control plane has used. */
  cpuSeconds(): Promise<number>;
  close(): Promise<void>;
}

export async function startPlane(): Promise<Plane> {
  const directory = await mkdtemp(join(tmpdir(), 'berth-durable-'));
  const port = await freePorts(3);
  const postgres = await startPostgres({ directory, port });
  const control = spawn(process.execPath, [join(root, 'dist/src/main.js')], {
    env: {
      ...process.env,
      DATABASE_URL: postgres.url,
      BERTH_PKI_DIR: join(directory, 'pki'),
      BERTH_HTTP_PORT: String(port + 1),
      BERTH_GATEWAY_PORT: String(port + 2),
      BERTH_OPERATOR_KEY: operatorKey,
      BERTH_RATE_LIMIT_PER_SECOND: '1000000',
      BERTH_LOG_LEVEL: 'error',
    },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const url = `http://127.0.0.1:${port + 1}`;
  await untilUp(url, control);
  const post = (key: string) => (path: string, body: object) => send(`${url}${path}`, key, body);
  const asOperator = post(operatorKey);
  const tenant = (await asOperator('/v1/tenants', { name: 'bench' })) as { id: string };
  const key = (await asOperator(`/v1/tenants/${tenant.id}/api-keys`, { name: 'bench', role: 'developer' })) as { secret: string };
  const db = new pg.Client({ connectionString: postgres.url });
  await db.connect();
  await define(db, tenant.id);
  const agents = fork(join(root, 'test/bench/durable/agents.ts'), [`wss://127.0.0.1:${port + 2}`], { execArgv: ['--import', 'tsx'] });
  return {
    db,
    post: post(key.secret),
    async admit(count) {
      const tokens: string[] = [];
      while (tokens.length < count) tokens.push(((await asOperator('/v1/host-tokens', {})) as { token: string }).token);
      agents.send(tokens);
      const [answer] = (await once(agents, 'message')) as [{ error?: string }];
      if (answer.error !== undefined) throw new Error(`The agents could not be started: ${answer.error}`);
    },
    rssMiB: async () => Math.round(Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${control.pid}/status`, 'utf8'))?.[1]) / 1024),
    cpuSeconds: async () => {
      const fields = (await readFile(`/proc/${control.pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
      return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
    },
    async close() {
      await end(agents);
      await db.end();
      await end(control);
      await postgres.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Written as it would be registered: a registry is not part of what is measured. */
async function define(db: pg.Client, tenantId: string): Promise<void> {
  const container = {
    name: 'main',
    image: 'bench',
    imageDigest: `sha256:${'0'.repeat(64)}`,
    command: ['sleep', 'forever'],
    environment: {},
    essential: true,
    readonlyRootFilesystem: false,
    init: true,
    stopTimeoutSeconds: 1,
  };
  const spec = { family: 'bench', cpuMillis: 100, memoryMiB: 64, pidsLimit: 64, tags: {}, containers: [container] };
  await db.query(
    `INSERT INTO task_definitions (id, tenant_id, family, revision, spec, spec_hash) VALUES (gen_random_uuid(), $1, 'bench', 1, $2, '\\x00')`,
    [tenantId, JSON.stringify(spec)],
  );
}

async function send(url: string, key: string, body: object): Promise<unknown> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`POST ${url}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

async function untilUp(url: string, control: ChildProcess): Promise<void> {
  for (;;) {
    if (control.exitCode !== null) throw new Error('The control plane did not start; run "npm run build" first.');
    const answer = await fetch(`${url}/readyz`).catch(() => null);
    if (answer?.ok) return;
    await sleep(100);
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  const killing = setTimeout(() => child.kill('SIGKILL'), 15_000);
  await exit;
  clearTimeout(killing);
}
