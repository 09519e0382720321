// A whole Berth for tests from outside: the control plane listening, a registry, and a tenant with a key. Hosts are
// simulated.

import type { CreatedApiKey, Tenant } from '@berth/contract';
import { type SimAgent, startSimAgent } from '../../agent/src/sim/sim-agent.js';
import { restClient } from '../../src/standalone/rest.js';
import { freePort } from './cluster.js';
import { type ControlPlane, startControlPlane } from './control-plane.js';
import { startRegistry, type TestRegistry } from './registry.js';

export interface RunningBerth {
  readonly url: string;
  readonly apiKey: string;
  readonly operatorKey: string;
  readonly registry: TestRegistry;
  /** One more simulated host, of 4 CPUs and 4 GiB. */
  addHost(name: string): Promise<void>;
  /** Ends the control plane and starts it again on the same ports and database. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** @param databaseServer what the test cluster provides. @param more settings of the control plane. */
export async function startBerth(databaseServer: string, more: Readonly<Record<string, string>> = {}): Promise<RunningBerth> {
  const registry = await startRegistry();
  const settings = { BERTH_DEFAULT_REGISTRY: registry.address, BERTH_INSECURE_REGISTRIES: registry.address, ...more };
  let plane = await startControlPlane(databaseServer, { ...settings, BERTH_HTTP_PORT: String(await freePort()) });
  await listen(plane);
  const { http, operatorKey } = plane.config;
  const url = `http://${http.host}:${http.port}`;
  const operator = restClient(url, operatorKey ?? '');
  const tenant = await operator.post<Tenant>('/v1/tenants', { name: 'acme' });
  const { secret } = await operator.post<CreatedApiKey>(`/v1/tenants/${tenant.id}/api-keys`, { name: 'test', role: 'developer' });
  const agents: SimAgent[] = [];
  return {
    url,
    apiKey: secret,
    operatorKey: operatorKey ?? '',
    registry,
    async addHost(name) {
      const admission = { token: await plane.hostToken() };
      const capacity = { cpuMillis: 4000, memoryMiB: 4096, taskSlots: 100 };
      agents.push(await startSimAgent({ gatewayUrl: plane.gatewayUrl, admission, name, capacity }));
    },
    async restart() {
      plane = await plane.restart();
      await listen(plane);
    },
    async stop() {
      await Promise.all(agents.map((agent) => agent.stop()));
      await plane.destroy();
      await registry.stop();
    },
  };
}

async function listen({ app, config }: ControlPlane): Promise<void> {
  await app.listen(config.http.port, config.http.host);
}
