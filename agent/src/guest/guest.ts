// The agent's services for the containers on its host, put together: a name server and two metadata services on the
// bridge. They are there while the agent is; containers don't stop for the lack of them.
import { readFileSync } from 'node:fs';
import { arch, cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { macOf, type TaskId } from '@berth/contract';
import type { Logger } from 'pino';
import type { Clock } from '../clock.js';
import type { Identity } from '../identity.js';
import { containsAddress, parseSubnet } from '../runtime/addresses.js';
import type { Runtime } from '../runtime/runtime.js';
import type { AgentState } from '../state.js';
import { directory } from './directory.js';
import { forwarder } from './dns-forward.js';
import { type Listening, listenForQuestions } from './dns-server.js';
import { dnsService } from './dns-service.js';
import { gatewayClient } from './gateway-client.js';
import { guestPorts } from './guest-rules.js';
import type { HostPlace } from './host-place.js';
import { identityTokens } from './identity-tokens.js';
import { instanceMetadata } from './instance-metadata.js';
import { listenForRequests } from './metadata-server.js';
import { remoteNames } from './remote-names.js';
import { type Resolver, resolversOf } from './resolvers.js';
import { type SetProtection, taskMetadata } from './task-metadata.js';

export interface GuestSettings {
  /** From guest-key.ts. */
  readonly key: Buffer;
  readonly region: string;
  readonly zone: string;
  readonly instanceType: string;
  /** Null: those of the host's /etc/resolv.conf, as it is at the time. */
  readonly resolvers: readonly Resolver[] | null;
}

interface Options {
  readonly settings: GuestSettings;
  readonly gatewayUrl: string;
  readonly runtime: Pick<Runtime, 'network' | 'taskStats'>;
  readonly state: AgentState;
  readonly setProtection: SetProtection;
  readonly clock: Clock;
  readonly log: Logger;
  identity(): Identity;
}

export interface GuestServices {
  /** A task's record changed. */
  touch(): void;
  close(): Promise<void>;
}

const resolvConf = '/etc/resolv.conf';
/** The host's resolvers change with its network, seldom; a file that is read once a second costs nothing. */
const resolversFreshMs = 1_000;
const retryMs = 5_000;

/** Returns at once; what can't be listened on yet (another program has the port) is tried again until it can. */
export function startGuestServices(options: Options): GuestServices {
  const { runtime, state, log } = options;
  const tasks = directory(() => state.tasks.values());
  if (!runtime.network) return { touch: () => {}, close: async () => {} };
  const ended = new AbortController();
  const gateway = gatewayClient(options.gatewayUrl, options.identity);
  const listening = services(options, tasks, gateway.ask).map(({ name, port, listen }) =>
    keepTrying(name, port, listen, ended.signal, log),
  );
  return {
    touch: tasks.invalidate,
    close: async () => {
      ended.abort();
      for (const service of await Promise.all(listening)) await service?.close();
      gateway.close();
    },
  };
}

interface Service {
  readonly name: string;
  readonly port: number;
  listen(): Promise<Listening>;
}

function services(options: Options, tasks: ReturnType<typeof directory>, ask: ReturnType<typeof gatewayClient>['ask']): Service[] {
  const { settings, clock, log, runtime } = options;
  const { key } = settings;
  const { gateway, cidr } = parseSubnet(runtime.network?.subnet ?? '');
  const now = () => clock.now();
  const isTaskAddress = (address: string) => containsAddress(cidr, address);
  const tokens = identityTokens({ ask, now });
  const place = placeOf(settings, gateway, cidr);
  const names = dnsService({
    directory: tasks,
    forwarder: forwarder(settings.resolvers ? () => settings.resolvers ?? [] : hostResolvers(gateway, now)),
    remote: remoteNames({ ask, isTaskAddress, now }),
    isTaskAddress,
    now,
  });
  const counters = (taskId: TaskId) => runtime.taskStats(taskId);
  const ofTask = taskMetadata({ key, place, cpus: cpus().length, tokens, setProtection: options.setProtection, counters, now });
  const ofInstance = instanceMetadata({ key, place, tokens, now });
  const http = (port: number, service: typeof ofTask) => () =>
    listenForRequests({ service, directory: tasks, at: { address: gateway, port }, log, now });
  return [
    { name: 'name server', port: guestPorts.dns, listen: () => listenForQuestions(names, { address: gateway, port: guestPorts.dns }, log) },
    { name: 'task metadata', port: guestPorts.taskMetadata, listen: http(guestPorts.taskMetadata, ofTask) },
    { name: 'instance metadata', port: guestPorts.instanceMetadata, listen: http(guestPorts.instanceMetadata, ofInstance) },
  ];
}

function placeOf({ region, zone, instanceType }: GuestSettings, gateway: string, cidr: string): HostPlace {
  return { region, zone, instanceType, gateway, cidr, architecture: arch() === 'arm64' ? 'arm64' : 'x86_64', macOf };
}

function hostResolvers(own: string, now: () => number): () => readonly Resolver[] {
  let readAtMs = Number.NEGATIVE_INFINITY;
  let known: readonly Resolver[] = [];
  return () => {
    if (now() - readAtMs < resolversFreshMs) return known;
    readAtMs = now();
    try {
      known = resolversOf(readFileSync(resolvConf, 'utf8'), [own]);
    } catch {
      // It is being replaced, or the host has none: what was known before is the better guess.
    }
    return known;
  };
}

/** @returns null when it ended before it could be had. */
async function keepTrying(
  name: string,
  port: number,
  listen: () => Promise<Listening>,
  signal: AbortSignal,
  log: Logger,
): Promise<Listening | null> {
  for (let attempt = 0; !signal.aborted; attempt++) {
    try {
      return await listen();
    } catch (err) {
      if (attempt === 0)
        log.error({ err, port }, `the ${name} for containers can’t listen; free its port on the bridge’s address. It is tried again`);
      await sleep(retryMs, undefined, { signal }).catch(() => {});
    }
  }
  return null;
}
