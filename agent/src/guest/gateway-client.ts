// Asks the gateway with this host's certificate, over connections that are kept. A certificate that was renewed gets
// connections of its own.
import { Agent } from 'node:https';
import { postToGateway } from '../gateway-post.js';
import type { Identity } from '../identity.js';

/** @throws Error in words for whoever asked. */
export type AskGateway = (path: string, body: object, timeoutMs?: number) => Promise<unknown>;

const patienceMs = 5_000;

export function gatewayClient(gatewayUrl: string, identity: () => Identity): { ask: AskGateway; close(): void } {
  let agent: Agent | null = null;
  let certificate = '';

  const agentFor = (current: Identity): Agent => {
    if (agent && certificate === current.certificate) return agent;
    agent?.destroy();
    certificate = current.certificate;
    agent = new Agent({ keepAlive: true, maxSockets: 8, maxFreeSockets: 2, timeout: 30_000 });
    return agent;
  };

  return {
    ask: (path, body, timeoutMs = patienceMs) => {
      const current = identity();
      const credentials = { ca: current.authority, key: current.key, cert: current.certificate };
      return postToGateway(gatewayUrl, path, body, credentials, { timeoutMs, agent: agentFor(current) });
    },
    close: () => agent?.destroy(),
  };
}
