// The agent's settings: the only place that reads its environment. Checked, frozen, and printable with secrets masked
// (`node agent/dist/main.js --check-config`).
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { type Capacity, parseHostToken } from '@berth/contract';
import { z } from 'zod';
import { parseResolver, type Resolver } from './guest/resolvers.js';
import { runtimeDefaults } from './runtime/options.js';

const mib = 1024 * 1024;
const list = z.string().transform((text) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== ''),
);
const cidr = /^(25[0-5]|2[0-4]\d|1?\d?\d)(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}\/(1[6-9]|2[0-8])$/;
const hostToken = z
  .string()
  .trim()
  .refine((token) => parseHostToken(token) !== null, 'must be a whole host token; it begins with "berth-host."');

/** Of a machine that nobody told what it is. */
export const unnamedType = 'berth';
const place = z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}$/, 'must be 1–63 letters, digits, ".", "_" or "-"');
const resolver = z.string().transform((text, context) => {
  const parsed = parseResolver(text);
  if (!parsed) context.addIssue({ code: 'custom', message: 'must be IPv4 addresses of name servers, each with or without a port' });
  return parsed ?? z.NEVER;
});

const schema = z
  .object({
    BERTH_AGENT_DATA: z
      .string()
      .min(1, 'must name a directory')
      .transform((path) => resolve(path)),
    BERTH_AGENT_INSTANCE: z
      .string()
      .regex(/^[a-z0-9]{1,9}$/, 'must be 1–9 lower-case letters or digits')
      .default(runtimeDefaults.instance),
    BERTH_GATEWAY_URL: z.string().regex(/^wss:\/\/[^/]+$/, 'must be wss://host:port, without a path'),
    BERTH_HOST_TOKEN: hostToken.optional(),
    BERTH_HOST_TOKEN_FILE: z.string().optional(),
    BERTH_HOST_NAME: z.string().min(1).max(255).default(hostname()),
    BERTH_AGENT_RUNTIME: z.enum(['crun', 'sim']).default('crun'),
    BERTH_AGENT_SUBNET: z
      .string()
      .regex(cidr, 'must be an IPv4 network of /16 to /28, for example 10.66.0.0/16')
      .default(runtimeDefaults.subnet),
    BERTH_AGENT_ADDRESS: z.ipv4('must be the IPv4 address at which other hosts reach this one').optional(),
    BERTH_AGENT_UID_BASE: z.coerce.number().int().min(100_000).default(runtimeDefaults.uidBase),
    BERTH_AGENT_CPU_MILLIS: z.coerce.number().int().min(1).optional(),
    BERTH_AGENT_MEMORY_MIB: z.coerce.number().int().min(1).optional(),
    BERTH_AGENT_TASK_SLOTS: z.coerce.number().int().min(1).optional(),
    BERTH_AGENT_DISK_MIB: z.coerce.number().int().min(1).optional(),
    BERTH_AGENT_POOL_SIZE: z.coerce.number().int().min(0).max(1000).default(runtimeDefaults.poolSize),
    BERTH_AGENT_START_CONCURRENCY: z.coerce.number().int().min(1).max(64).default(runtimeDefaults.startConcurrency),
    BERTH_HOST_REGION: place.default('local'),
    BERTH_HOST_ZONE: place.default('local-1'),
    BERTH_HOST_INSTANCE_TYPE: place.default(unnamedType),
    BERTH_EC2_METADATA_URL: z
      .string()
      .regex(/^http:\/\/[^/]+$/, 'must be http://host or http://host:port, without a path')
      .optional(),
    BERTH_AGENT_RESOLVERS: list.pipe(z.array(resolver).min(1).max(3)).optional(),
    BERTH_INSECURE_REGISTRIES: list.default([]),
    BERTH_REGISTRY_AUTH_FILE: z.string().optional(),
    BERTH_IMAGE_MAX_MIB: z.coerce
      .number()
      .int()
      .min(1)
      .default(runtimeDefaults.imageMaxBytes / mib),
    BERTH_IMAGES_GO_BELOW_FREE_MIB: z.coerce.number().int().min(0).optional(),
    BERTH_IMAGES_GO_UNTIL_FREE_MIB: z.coerce.number().int().min(0).optional(),
    BERTH_LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'silent']).default('info'),
  })
  .refine(
    (e) =>
      new Set([e.BERTH_AGENT_CPU_MILLIS, e.BERTH_AGENT_MEMORY_MIB, e.BERTH_AGENT_TASK_SLOTS].map((value) => value === undefined)).size ===
      1,
    {
      path: ['BERTH_AGENT_CPU_MILLIS'],
      message: 'must be given together with BERTH_AGENT_MEMORY_MIB and BERTH_AGENT_TASK_SLOTS, or none of them',
    },
  )
  .refine(
    ({ BERTH_IMAGES_GO_BELOW_FREE_MIB: below, BERTH_IMAGES_GO_UNTIL_FREE_MIB: until }) =>
      below === undefined ? until === undefined : until !== undefined && until >= below,
    {
      path: ['BERTH_IMAGES_GO_UNTIL_FREE_MIB'],
      message: 'must be given together with BERTH_IMAGES_GO_BELOW_FREE_MIB, and be no less',
    },
  );

export type Config = Readonly<{
  dataDirectory: string;
  /** Names everything host-wide, so that several agents can share a machine. */
  instance: string;
  gatewayUrl: string;
  /** Needed once, to enrol. */
  hostToken: string | null;
  hostTokenFile: string | null;
  hostName: string;
  runtime: 'crun' | 'sim';
  subnet: string;
  /** The address at which other hosts reach this one. Null: the one from which it reaches the gateway. */
  address: string | null;
  /** First of the user ids that containers get; instances on one machine need ranges of their own. */
  uidBase: number;
  /** Null: the machine's own size less a reserve. */
  capacity: Capacity | null;
  /** What tasks' disks and volumes may hold together. Null: what the disk has free at the agent's start, less a reserve. */
  diskMiB: number | null;
  poolSize: number;
  startConcurrency: number;
  /** Where the host is, as its tasks are told. */
  place: Readonly<{ region: string; zone: string; instanceType: string }>;
  /** Where EC2 says that it takes the machine back. Null: it is none of EC2's, or no spot machine. */
  ec2MetadataUrl: string | null;
  /** Name servers that answer what is not the platform's. Null: those of the host's /etc/resolv.conf. */
  resolvers: readonly Resolver[] | null;
  insecureRegistries: readonly string[];
  registryAuthFile: string | null;
  /** What one pull may write to the disk, layers as they come and unpacked. */
  imageMaxMiB: number;
  /** Unused images go when the disk has less free than `below`, until it has `until`. Null: by the host's reserve. */
  imagesGo: Readonly<{ belowFreeMiB: number; untilFreeMiB: number }> | null;
  logLevel: string;
}>;

/** @throws Error with one line for each bad variable. */
export function readConfig(env: Readonly<Record<string, string | undefined>> = process.env): Config {
  const parsed = schema.safeParse(env);
  if (!parsed.success) throw new Error(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('\n'));
  const e = parsed.data;
  const [below, until] = [e.BERTH_IMAGES_GO_BELOW_FREE_MIB, e.BERTH_IMAGES_GO_UNTIL_FREE_MIB];
  const [cpuMillis, memoryMiB, taskSlots] = [e.BERTH_AGENT_CPU_MILLIS, e.BERTH_AGENT_MEMORY_MIB, e.BERTH_AGENT_TASK_SLOTS];
  return Object.freeze({
    dataDirectory: e.BERTH_AGENT_DATA,
    instance: e.BERTH_AGENT_INSTANCE,
    gatewayUrl: e.BERTH_GATEWAY_URL,
    hostToken: e.BERTH_HOST_TOKEN ?? null,
    hostTokenFile: e.BERTH_HOST_TOKEN_FILE ?? null,
    hostName: e.BERTH_HOST_NAME,
    runtime: e.BERTH_AGENT_RUNTIME,
    subnet: e.BERTH_AGENT_SUBNET,
    address: e.BERTH_AGENT_ADDRESS ?? null,
    uidBase: e.BERTH_AGENT_UID_BASE,
    capacity: cpuMillis && memoryMiB && taskSlots ? Object.freeze({ cpuMillis, memoryMiB, taskSlots }) : null,
    diskMiB: e.BERTH_AGENT_DISK_MIB ?? null,
    poolSize: e.BERTH_AGENT_POOL_SIZE,
    startConcurrency: e.BERTH_AGENT_START_CONCURRENCY,
    place: Object.freeze({ region: e.BERTH_HOST_REGION, zone: e.BERTH_HOST_ZONE, instanceType: e.BERTH_HOST_INSTANCE_TYPE }),
    ec2MetadataUrl: e.BERTH_EC2_METADATA_URL ?? null,
    resolvers: e.BERTH_AGENT_RESOLVERS ? Object.freeze(e.BERTH_AGENT_RESOLVERS) : null,
    insecureRegistries: Object.freeze(e.BERTH_INSECURE_REGISTRIES),
    registryAuthFile: e.BERTH_REGISTRY_AUTH_FILE ?? null,
    imageMaxMiB: e.BERTH_IMAGE_MAX_MIB,
    imagesGo: below === undefined || until === undefined ? null : Object.freeze({ belowFreeMiB: below, untilFreeMiB: until }),
    logLevel: e.BERTH_LOG_LEVEL,
  });
}

/** The token to enrol with. @throws Error that says where to get one. */
export function readHostToken({ hostToken, hostTokenFile }: Pick<Config, 'hostToken' | 'hostTokenFile'>): string {
  if (hostToken) return hostToken;
  if (hostTokenFile) return readFileSync(hostTokenFile, 'utf8').trim();
  throw new Error(
    'This host is not enrolled. Set BERTH_HOST_TOKEN or BERTH_HOST_TOKEN_FILE to a host token; an operator makes one by POST /v1/host-tokens.',
  );
}

/** For people: every setting, secrets masked. */
export function describeConfig(config: Config): string {
  return JSON.stringify({ ...config, hostToken: config.hostToken ? '***' : null }, null, 2);
}
