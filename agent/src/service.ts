// The agent at work: core, link and renewal tied together, whatever the runtime and wherever the journal is kept.
import { createAgent } from './agent.js';
import type { BackoffRange } from './backoff.js';
import { renew } from './enrol.js';
import type { Identity } from './identity.js';
import { keepRenewed } from './renewal.js';
import { createSession } from './session.js';
import type { Ground } from './task-loop.js';
import { agentVersion } from './version.js';

export interface ServiceOptions extends Ground {
  readonly gatewayUrl: string;
  readonly name: string;
  identity(): Identity;
  /** Makes a renewed identity the current one, durably. */
  store(identity: Identity): Promise<void>;
  readonly reconnect?: BackoffRange;
}

export interface Service {
  readonly connected: boolean;
  /** Cuts the link, lets what has begun end, and writes the journal. Containers live on. */
  stop(): Promise<void>;
}

/** Returns when the host is in order and the link is being dialled. */
export async function startService(options: ServiceOptions): Promise<Service> {
  const { gatewayUrl, name, journal, lastLifeEndedMs, clock, runtime, log, identity, store, reconnect } = options;
  const ground = { runtime, journal, clock, log, lastLifeEndedMs };
  const agent = createAgent({
    ...ground,
    onChange: (taskId) => session.touch(taskId),
    onRetell: (report) => session.retell(report),
  });
  const session = createSession({ gatewayUrl, name, agentVersion, journal, clock, runtime, agent, log, identity, reconnect });
  await agent.start();
  session.start();
  const endRenewal = keepRenewed({ current: identity, renew: (current) => renew(gatewayUrl, current, name), store, log });
  return {
    get connected() {
      return session.connected;
    },
    async stop() {
      endRenewal();
      session.close();
      await agent.close();
      await journal.close();
      await runtime.close();
    },
  };
}
