// What the supervisor starts, derived from its settings: names, ports, commands and environments. Decides only.
import { createHash } from 'node:crypto';
import { join } from 'node:path';

export const defaultDataDirectory = '/var/lib/berth';

export interface Settings {
  /** The checkout. */
  readonly root: string;
  readonly dataDirectory: string;
  /** The API's port; the three after it are the gateway's, the registry's and PostgreSQL's. */
  readonly port: number;
  /** 1–10 lower-case letters or digits: names bridge, tables, cgroups and the agent's /run directory. */
  readonly instance: string;
  /** IPv4 network of the tasks, CIDR. */
  readonly subnet: string;
  /** Path of the Node that runs everything. */
  readonly node: string;
  /** A real server's; null for the embedded one. */
  readonly databaseUrl: string | null;
  /** Inherited by all children, so that every setting of theirs can be made from outside. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export function portsOf({ port }: Pick<Settings, 'port'>) {
  return { http: port, gateway: port + 1, registry: port + 2, postgres: port + 3 } as const;
}

/** Where each part keeps its things below the data directory. */
export function pathsOf({ dataDirectory }: Pick<Settings, 'dataDirectory'>) {
  const at = (name: string) => join(dataDirectory, name);
  return {
    postgres: at('postgres'),
    registry: at('registry'),
    pki: at('pki'),
    agent: at('agent'),
    secrets: at('secrets'),
    build: at('build'),
    logs: at('log'),
    taskLogs: at('task-logs'),
    run: at('run'),
  } as const;
}

export const urlOf = (settings: Pick<Settings, 'port'>) => `http://127.0.0.1:${settings.port}`;
export const registryOf = (settings: Pick<Settings, 'port'>) => `127.0.0.1:${portsOf(settings).registry}`;

/** Unlike for each data directory, so that several can run on one machine. */
export function instanceName(dataDirectory: string): string {
  return dataDirectory === defaultDataDirectory ? 'berth' : `b${hash(dataDirectory).slice(0, 8)}`;
}

/** Name of the CLI's context. */
export function contextName(settings: Pick<Settings, 'instance'>): string {
  return settings.instance === 'berth' ? 'local' : settings.instance;
}

/**
 * A /16 of 10.0.0.0/8 for the tasks: 10.66 by default, else one that follows from the directory's name. Steps on
 * from one that overlaps a network the machine routes already.
 * @throws Error when none is left.
 */
export function chooseSubnet(dataDirectory: string, routed: readonly string[]): string {
  const first = dataDirectory === defaultDataDirectory ? 66 : 67 + (Number.parseInt(hash(dataDirectory).slice(0, 6), 16) % 180);
  for (let step = 0; step < 256; step++) {
    const candidate = `10.${(first + step) % 256}.0.0/16`;
    if (!routed.some((network) => overlaps(network, candidate))) return candidate;
  }
  throw new Error('Every network in 10.0.0.0/8 is routed elsewhere. Set subnet= in berth.conf to one that is free.');
}

/**
 * First of the host user ids that this instance's containers run as. An agent takes 2^28 of them, all below 2^31; the
 * default one from 1,000,000,000 on, any other one of the three parts above it, so that instances seldom share ids.
 */
export function uidBase(instance: string): number {
  return instance === 'berth' ? 1_000_000_000 : 1_268_435_456 + (Number.parseInt(hash(instance).slice(0, 6), 16) % 3) * 2 ** 28;
}

/** Whether two IPv4 networks (CIDR, or single addresses) have an address in common. */
export function overlaps(left: string, right: string): boolean {
  const [a, b] = [range(left), range(right)];
  return a.first <= b.last && b.first <= a.last;
}

function range(network: string): { first: number; last: number } {
  const [address = '', length = '32'] = network.split('/');
  const size = 2 ** (32 - Number(length));
  const value = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  const first = value - (value % size);
  return { first, last: first + size - 1 };
}

const hash = (text: string) => createHash('sha256').update(text).digest('hex');

export function controlPlaneCommand(settings: Settings, databaseUrl: string, operatorKey: string): Command {
  const ports = portsOf(settings);
  return {
    program: settings.node,
    args: ['--enable-source-maps', join(settings.root, 'dist/src/main.js')],
    environment: {
      NODE_ENV: 'production',
      ...settings.environment,
      DATABASE_URL: databaseUrl,
      BERTH_HTTP_PORT: String(ports.http),
      BERTH_GATEWAY_PORT: String(ports.gateway),
      BERTH_PKI_DIR: pathsOf(settings).pki,
      BERTH_OPERATOR_KEY: operatorKey,
      BERTH_LOG_STORE: settings.environment.BERTH_LOG_STORE ?? pathsOf(settings).taskLogs,
      ...registryEnvironment(settings),
    },
  };
}

/** `verb` is `run` or `teardown`; `token` is for a host that has not been enrolled yet. */
export function agentCommand(settings: Settings, verb: 'run' | 'teardown', token: string | null): Command {
  return {
    program: join(settings.root, 'agent/bin/berth-agent'),
    args: [verb],
    environment: {
      NODE_ENV: 'production',
      ...settings.environment,
      BERTH_NODE: settings.node,
      BERTH_AGENT_INSTANCE: settings.instance,
      BERTH_AGENT_DATA: pathsOf(settings).agent,
      BERTH_AGENT_SUBNET: settings.subnet,
      BERTH_AGENT_UID_BASE: String(uidBase(settings.instance)),
      BERTH_GATEWAY_URL: `wss://127.0.0.1:${portsOf(settings).gateway}`,
      ...registryEnvironment(settings),
      BERTH_HOST_TOKEN: token ?? undefined,
    },
  };
}

/** The bundled registry comes first; more that speak no TLS can be named from outside. */
function registryEnvironment(settings: Settings) {
  const insecure = [registryOf(settings), settings.environment.BERTH_INSECURE_REGISTRIES].filter(Boolean).join(',');
  return { BERTH_DEFAULT_REGISTRY: registryOf(settings), BERTH_INSECURE_REGISTRIES: insecure };
}

/** How long to wait before starting a child again that has died `failures` times in a row (1, 2 …). */
export function restartDelayMs(failures: number): number {
  return Math.min(10_000, 100 * 2 ** Math.min(failures, 10));
}
