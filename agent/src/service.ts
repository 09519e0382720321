// The agent at work: core, link and renewal tied together, whatever the runtime and wherever the journal is kept.
import type { Logger } from 'pino';
import { createAgent } from './agent.js';
import type { BackoffRange } from './backoff.js';
import type { Clock } from './clock.js';
import { renew } from './enrol.js';
import type { Identity } from './identity.js';
import type { Journal } from './journal.js';
import { keepRenewed } from './renewal.js';
import type { Runtime } from './runtime/runtime.js';
import { createSession } from './session.js';
import { agentVersion } from './version.js';

interface Options {
  readonly gatewayUrl: string;
  readonly name: string;
  readonly journal: Journal;
  readonly lastLifeEndedMs: number;
  readonly clock: Clock;
  readonly runtime: Runtime;
  readonly log: Logger;
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
export async function startService(options: Options): Promise<Service> {
  const { gatewayUrl, name, journal, lastLifeEndedMs, clock, runtime, log, identity, store, reconnect } = options;
  const agent = createAgent({
    runtime,
    journal,
    clock,
    log,
    lastLifeEndedMs,
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
