// The agent at work: core, link and renewal tied together, whatever the runtime and wherever the journal is kept.
import type { Interruption } from '@berth/contract';
import { createAgent } from './agent.js';
import type { BackoffRange } from './backoff.js';
import { renew } from './enrol.js';
import { type GuestServices, type GuestSettings, startGuestServices } from './guest/guest.js';
import type { Identity } from './identity.js';
import { startLogShipping } from './log-shipping.js';
import { keepRenewed } from './renewal.js';
import { createSession } from './session.js';
import type { Ground } from './task-loop.js';
import { agentVersion } from './version.js';

export interface ServiceOptions extends Ground {
  readonly gatewayUrl: string;
  readonly name: string;
  readonly attributes?: Readonly<Record<string, string>>;
  identity(): Identity;
  /** Makes a renewed identity the current one, durably. */
  store(identity: Identity): Promise<void>;
  /** Without it, nothing is answered to containers. */
  readonly guest?: GuestSettings;
  readonly reconnect?: BackoffRange;
  readonly interruption?: () => Interruption | null;
}

export interface Service {
  readonly connected: boolean;
  /** Cuts the link, lets what has begun end, and writes the journal. Containers live on. */
  stop(): Promise<void>;
}

/** Returns when the host is in order and the link is being dialled. */
export async function startService(options: ServiceOptions): Promise<Service> {
  const { gatewayUrl, name, journal, lastLifeEndedMs, clock, runtime, log, identity, store, guest, reconnect, attributes, interruption } =
    options;
  const ground = { runtime, journal, clock, log, lastLifeEndedMs };
  let answering: GuestServices | null = null;
  const agent = createAgent({
    ...ground,
    onChange: (taskId) => {
      session.touch(taskId);
      answering?.touch();
    },
    onRetell: (report) => session.retell(report),
  });
  const told = { gatewayUrl, name, agentVersion, attributes, interruption };
  const session = createSession({ ...told, journal, clock, runtime, agent, log, identity, reconnect });
  await agent.start();
  if (guest) {
    const { setProtection } = agent;
    answering = startGuestServices({ settings: guest, gatewayUrl, runtime, state: journal.state, setProtection, clock, log, identity });
  }
  session.start();
  const shipping = startLogShipping({ gatewayUrl, logs: runtime.endedLogs, state: journal.state, log, identity });
  const endRenewal = keepRenewed({ current: identity, renew: (current) => renew(gatewayUrl, current, name), store, log });
  return {
    get connected() {
      return session.connected;
    },
    async stop() {
      endRenewal();
      await shipping.close();
      session.close();
      await answering?.close();
      await agent.close();
      await journal.close();
      await runtime.close();
    },
  };
}
