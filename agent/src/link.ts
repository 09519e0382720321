// One connection to the gateway, from dialling to its end: hello, heartbeats, what the control plane wants, and what
// it is told. A frame that can't be understood is logged and left alone: the other side may be of another version.
import {
  type AgentFrame,
  agentPaths,
  type GatewayFrame,
  gatewayFrameSchema,
  type HostId,
  type Interruption,
  maxFrameBytes,
  type NetworkFrame,
  type OpenStream,
  protocolVersion,
  type TaskId,
  type TaskReport,
} from '@berth/contract';
import type { Logger } from 'pino';
import { WebSocket } from 'ws';
import type { Agent, DesiredFrame } from './agent.js';
import type { Clock } from './clock.js';
import type { Identity } from './identity.js';
import { toInstant } from './instant.js';
import type { Journal } from './journal.js';
import { newestOnly } from './newest-only.js';
import { createOutbox, type Outbox } from './outbox.js';
import { toReport } from './report.js';
import type { Runtime } from './runtime/runtime.js';
import { serveStream } from './stream.js';

export interface LinkDependencies {
  /** wss://host:port */
  readonly gatewayUrl: string;
  /** The host's name, for people. */
  readonly name: string;
  readonly agentVersion: string;
  /** What is told of the host beside what its runtime finds. */
  readonly attributes?: Readonly<Record<string, string>> | undefined;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly runtime: Runtime;
  readonly agent: Pick<Agent, 'apply' | 'setUsageInterval'>;
  /** Whether the machine is taken back by its owner. */
  readonly interruption?: (() => Interruption | null) | undefined;
  readonly log: Logger;
  identity(): Identity;
}

export interface Link {
  readonly welcomed: boolean;
  touch(taskId: TaskId): void;
  retell(report: TaskReport): void;
  close(): void;
}

export interface LinkEnd {
  readonly reason: string;
  /** How long the gateway asked us to stay away. */
  readonly reconnectAfterMs: number;
}

type Goodbye = Extract<GatewayFrame, { type: 'goodbye' }>;
type Welcome = Extract<GatewayFrame, { type: 'welcome' }>;

const handshakeMs = 10_000;
const silentBeatsAtMost = 3;
const acknowledgedWithinMs = 60_000;
const networkRetryMs = 1_000;
const longestReconnectAfterMs = 10 * 60_000;

/** Dials at once. `onEnd` is called once, whatever happens, unless the link is closed by `close`. */
export function openLink(dependencies: LinkDependencies, onEnd: (end: LinkEnd) => void): Link {
  const { gatewayUrl, journal, clock, runtime, agent, log, identity } = dependencies;
  const { hostId, key, certificate, authority } = identity();
  const socket = new WebSocket(`${gatewayUrl}${agentPaths.link}`, {
    key,
    cert: certificate,
    ca: authority,
    handshakeTimeout: handshakeMs,
    maxPayload: maxFrameBytes,
    perMessageDeflate: false,
  });
  const streams = new AbortController();
  let outbox: Outbox | null = null;
  let beating: NodeJS.Timeout | undefined;
  let silentBeats = 0;
  const network = newestOnly<NetworkFrame>(
    (frame) => runtime.setNetwork(frame),
    (err, { version }) => log.error({ err, version }, 'the network could not be made as the control plane wants it; trying again'),
    networkRetryMs,
  );
  let end: LinkEnd | null = { reason: 'the connection was closed', reconnectAfterMs: 0 };
  const welcomeTimer = setTimeout(() => giveUp('the gateway did not welcome us in time'), 2 * handshakeMs);

  function giveUp(reason: string): void {
    if (end) end = { ...end, reason };
    socket.terminate();
  }

  function send(frame: AgentFrame): void {
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame));
  }

  function welcome({ heartbeatMs, usageIntervalMs }: Welcome): void {
    if (outbox) return;
    clearTimeout(welcomeTimer);
    agent.setUsageInterval(usageIntervalMs);
    outbox = createOutbox({ journal, clock, send }, told);
    beating = setInterval(beat, heartbeatMs);
    log.info({ gatewayUrl, heartbeatMs }, 'linked to the control plane');
  }

  function beat(): void {
    const nowMs = clock.now();
    // Counted in beats, not in time: when this process was held up, the fault is not the gateway's.
    if (silentBeats >= silentBeatsAtMost) giveUp('the gateway has been silent for too long');
    else if (nowMs - (outbox?.waitingSinceMs() ?? nowMs) > acknowledgedWithinMs) giveUp('the gateway does not acknowledge');
    else {
      silentBeats += 1;
      const interruption = dependencies.interruption?.();
      send({ type: 'heartbeat', at: toInstant(nowMs), diskPressure: runtime.diskPressure, ...(interruption && { interruption }) });
      socket.ping();
    }
  }

  function obey(frame: DesiredFrame): void {
    if (!agent.apply(frame)) {
      log.warn({ epoch: frame.epoch, newest: journal.state.epoch }, 'refused the wishes of a leader that has been replaced');
      return;
    }
    journal.eventuallyDurable().then(
      () => send({ type: 'ack', seq: frame.seq }),
      () => {},
    );
  }

  function receive(frame: GatewayFrame): void {
    if (frame.type === 'welcome') welcome(frame);
    else if (frame.type === 'desired') obey(frame);
    else if (frame.type === 'ack') outbox?.acknowledge(frame.seq);
    else if (frame.type === 'open-stream') stream(frame);
    else if (frame.type === 'network') network.take(frame);
    else if (frame.type === 'remove-volumes') void removeVolumes(frame.volumeIds);
    else goodbye(frame);
  }

  function stream(frame: OpenStream): void {
    serveStream({ gatewayUrl, identity: identity(), runtime, journal, log, signal: streams.signal }, frame).catch((error: Error) => {
      log.warn({ taskId: frame.request.taskId, err: error }, 'a stream failed');
      send({ type: 'stream-failed', streamId: frame.streamId, reason: error.message });
    });
  }

  async function removeVolumes(volumeIds: readonly string[]): Promise<void> {
    const removed = await runtime.removeVolumes(volumeIds);
    if (removed.length > 0) send({ type: 'volumes-removed', volumeIds: removed });
  }

  function goodbye({ reason, reconnectAfterMs }: Goodbye): void {
    if (end) end = { reason: `the gateway said goodbye: ${reason}`, reconnectAfterMs: Math.min(reconnectAfterMs, longestReconnectAfterMs) };
    socket.close(1000);
  }

  let told: ReadonlyMap<TaskId, number> = new Map();
  socket.on('open', () => {
    const tasks = [...journal.state.tasks.values()].map(toReport);
    told = new Map(tasks.map(({ taskId, version }) => [taskId, version]));
    send(hello(dependencies, hostId, tasks));
  });
  socket.on('message', (data) => {
    silentBeats = 0;
    const frame = parseFrame(String(data), log);
    if (frame) receive(frame);
  });
  socket.on('pong', () => {
    silentBeats = 0;
  });
  socket.on('error', (error) => {
    if (end) end = { ...end, reason: error.message };
  });
  socket.on('close', (code, text) => {
    clearTimeout(welcomeTimer);
    clearInterval(beating);
    outbox?.close();
    streams.abort();
    network.close();
    if (end) onEnd(text.length > 0 ? { ...end, reason: `${end.reason} (${code} ${text})` } : end);
    end = null;
  });

  return {
    get welcomed() {
      return outbox !== null && socket.readyState === WebSocket.OPEN;
    },
    touch: (taskId) => outbox?.touch(taskId),
    retell: (report) => outbox?.retell(report),
    close() {
      end = null;
      socket.terminate();
    },
  };
}

function hello({ name, agentVersion, runtime, attributes: told }: LinkDependencies, hostId: HostId, tasks: TaskReport[]): AgentFrame {
  const { capacity, attributes, bootId } = runtime.facts;
  const { diskPressure } = runtime;
  return {
    type: 'hello',
    protocol: protocolVersion,
    ...{ hostId, name, bootId, agentVersion, capacity, diskPressure, tasks },
    attributes: { ...told, ...attributes },
    ...(runtime.network && { network: runtime.network }),
  };
}

function parseFrame(text: string, log: Logger): GatewayFrame | null {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    log.error({ text: text.slice(0, 200) }, 'the gateway sent what is not JSON');
    return null;
  }
  const parsed = gatewayFrameSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  log.error(
    { type: (json as { type?: unknown } | null)?.type, field: issue?.path.join('.'), detail: issue?.message },
    'a frame was not understood and is ignored',
  );
  return null;
}
