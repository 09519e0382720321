// A whole simulated agent in this process: the real one above the runtime port, on a machine that is not there. Tests
// and benches run many of them side by side.
import { randomUUID } from 'node:crypto';
import type { Capacity, HostId, Interruption } from '@berth/contract';
import pino, { type Logger } from 'pino';
import type { BackoffRange } from '../backoff.js';
import { enrol } from '../enrol.js';
import type { Identity } from '../identity.js';
import { openJournal } from '../journal.js';
import { type JournalStorage, memoryStorage } from '../journal-storage.js';
import { beginLife } from '../life.js';
import { startService } from '../service.js';
import type { AgentState } from '../state.js';
import { newSimMachine, type SimMachine } from './sim-machine.js';
import { createSimRuntime } from './sim-runtime.js';

export interface SimAgentOptions {
  /** wss://host:port */
  readonly gatewayUrl: string;
  /** A host token to enrol with, or the identity of a life before. */
  readonly admission: { readonly token: string } | { readonly identity: Identity };
  readonly name: string;
  readonly capacity: Capacity;
  /** How long the start of a container takes; 0 by default. */
  readonly startDelayMs?: number;
  /** Those of a life before, to let the agent live again. New by default. */
  readonly storage?: JournalStorage;
  readonly machine?: SimMachine;
  /** Another one than in the life before says that the host was restarted. */
  readonly bootId?: string;
  readonly reconnect?: BackoffRange;
  readonly log?: Logger;
  /** Whether the machine is taken back by its owner. */
  readonly interruption?: () => Interruption | null;
}

export interface SimAgent {
  readonly hostId: HostId;
  readonly identity: Identity;
  readonly bootId: string;
  readonly storage: JournalStorage;
  readonly machine: SimMachine;
  /** What its journal holds. To look at only. */
  readonly state: AgentState;
  readonly connected: boolean;
  /** Cuts the link and ends the agent; its containers live on, on `machine`. */
  stop(): Promise<void>;
}

/** Returns when the agent has put its host in order and dials. @throws Error when it can't be enrolled. */
export async function startSimAgent(options: SimAgentOptions): Promise<SimAgent> {
  const {
    gatewayUrl,
    admission,
    name,
    startDelayMs = 0,
    bootId = randomUUID(),
    storage = memoryStorage(),
    machine = newSimMachine(),
  } = options;
  let identity = 'identity' in admission ? admission.identity : await enrol({ gatewayUrl, token: admission.token, name });
  const log = (options.log ?? pino({ level: 'silent' })).child({ hostId: identity.hostId });
  const journal = await openJournal({ storage, log });
  const lastLifeEndedMs = journal.state.aliveAtMs;
  const clock = beginLife(journal, bootId);
  const runtime = createSimRuntime({ bootId, capacity: options.capacity, clock, startDelayMs, machine });
  const service = await startService({
    gatewayUrl,
    name,
    journal,
    lastLifeEndedMs,
    clock,
    runtime,
    log,
    identity: () => identity,
    store: async (next) => {
      identity = next;
    },
    reconnect: options.reconnect,
    interruption: options.interruption,
  });
  return {
    hostId: identity.hostId,
    get identity() {
      return identity;
    },
    bootId,
    storage,
    machine,
    state: journal.state,
    get connected() {
      return service.connected;
    },
    stop: service.stop,
  };
}
