// A whole Berth for tests from outside: the control plane listening on free ports, a registry with busybox, a
// simulated host and a tenant with a key.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type SimAgent, type SimAgentOptions, startSimAgent } from '../../agent/src/sim/sim-agent.js';
import { createApp } from '../../src/app.js';
import { readConfig } from '../../src/config.js';
import { freePort, freshDatabase } from './cluster.js';
import { startRegistry, type TestRegistry } from './registry.js';

export interface RunningBerth {
  readonly url: string;
  readonly apiKey: string;
  readonly operatorKey: string;
  readonly registry: TestRegistry;
  /** One more simulated host. */
  addHost(options?: Partial<SimAgentOptions>): Promise<SimAgent>;
  /** Ends the control plane's process side and starts it again on the same ports and database. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

const operatorKey = 'operator-key-of-this-test-0123456789';

/** Without hosts: add them. @param databaseServer what the test cluster provides. */
export async function startBerth(databaseServer: string): Promise<RunningBerth> {
  const directory = await mkdtemp(join(tmpdir(), 'berth-test-'));
  const database = await freshDatabase(databaseServer);
  const registry = await startRegistry();
  const [httpPort, gatewayPort] = [await freePort(), await freePort()];
  const config = readConfig({
    DATABASE_URL: database.url,
    DATABASE_POOL: '6',
    BERTH_HTTP_PORT: String(httpPort),
    BERTH_GATEWAY_PORT: String(gatewayPort),
    BERTH_PKI_DIR: join(directory, 'pki'),
    BERTH_OPERATOR_KEY: operatorKey,
    BERTH_DEFAULT_REGISTRY: registry.address,
    BERTH_INSECURE_REGISTRIES: registry.address,
    BERTH_LOG_LEVEL: 'silent',
  });
  const start = async () => {
    const app = await createApp(config);
    await app.listen(config.http.port, config.http.host);
    return app;
  };
  let app = await start();
  const url = `http://127.0.0.1:${httpPort}`;
  const agents: SimAgent[] = [];
  const { id } = await post<{ id: string }>(url, '/v1/tenants', { name: 'acme' });
  const { secret } = await post<{ secret: string }>(url, `/v1/tenants/${id}/api-keys`, { name: 'test', role: 'developer' });
  return {
    url,
    apiKey: secret,
    operatorKey,
    registry,
    async addHost(options = {}) {
      const { token } = await post<{ token: string }>(url, '/v1/host-tokens', {});
      const defaults = { name: `sim-${agents.length + 1}`, capacity: { cpuMillis: 4000, memoryMiB: 4096, taskSlots: 100 } };
      const agent = await startSimAgent({ gatewayUrl: config.gateway.url, admission: { token }, ...defaults, ...options });
      agents.push(agent);
      return agent;
    },
    async restart() {
      await app.close();
      app = await start();
    },
    async stop() {
      await Promise.all(agents.map((agent) => agent.stop()));
      await app.close();
      await registry.stop();
      await database.drop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function post<T>(url: string, path: string, body: object): Promise<T> {
  const headers = { Authorization: `Bearer ${operatorKey}`, 'Content-Type': 'application/json' };
  const answer = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) });
  const parsed: unknown = await answer.json();
  if (!answer.ok) throw new Error(`POST ${path}: ${answer.status} ${JSON.stringify(parsed)}`);
  return parsed as T;
}
