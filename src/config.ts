// The control plane's settings: the only place that reads its environment. Checked, frozen, and printable with
// secrets masked (`node dist/src/main.js --check-config`).
import { hostname } from 'node:os';
import { z } from 'zod';

const port = z.coerce.number().int().min(1).max(65_535);
const milliseconds = z.coerce.number().int().min(1);
const list = z.string().transform((text) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== ''),
);

export const roleNames = ['api', 'scheduler', 'gateway', 'worker'] as const;

const schema = z.object({
  DATABASE_URL: z.string().regex(/^postgres(ql)?:\/\//, 'must begin with postgres://'),
  DATABASE_POOL: z.coerce.number().int().min(4).max(200).default(20),
  REDIS_URL: z
    .string()
    .regex(/^rediss?:\/\//, 'must begin with redis:// or rediss://')
    .optional(),
  BERTH_ROLES: list.pipe(z.array(z.enum(roleNames)).min(1)).default([...roleNames]),
  BERTH_REPLICA: z.string().default(`${hostname()}:${process.pid}`),
  BERTH_HTTP_HOST: z.string().default('127.0.0.1'),
  BERTH_HTTP_PORT: port.default(7070),
  BERTH_GATEWAY_HOST: z.string().default('127.0.0.1'),
  BERTH_GATEWAY_PORT: port.default(7071),
  BERTH_GATEWAY_URL: z
    .string()
    .regex(/^wss:\/\//)
    .optional(),
  BERTH_GATEWAY_DIRECT_URL: z
    .string()
    .regex(/^wss:\/\/[^/]+$/)
    .optional(),
  BERTH_PKI_DIR: z.string(),
  BERTH_OPERATOR_KEY: z.string().min(32).optional(),
  BERTH_DEFAULT_REGISTRY: z.string().default('127.0.0.1:7072'),
  BERTH_INSECURE_REGISTRIES: list.default(['127.0.0.1:7072']),
  BERTH_REGISTRY_AUTH_FILE: z.string().optional(),
  BERTH_HEARTBEAT_MS: milliseconds.default(5_000),
  BERTH_HOST_UNREACHABLE_AFTER_MS: milliseconds.default(15_000),
  BERTH_HOST_LOST_AFTER_MS: milliseconds.default(300_000),
  BERTH_USAGE_INTERVAL_MS: milliseconds.default(300_000),
  BERTH_LEASE_MS: milliseconds.default(5_000),
  BERTH_RATE_LIMIT_PER_SECOND: z.coerce.number().int().min(1).default(200),
  BERTH_LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'silent']).default('info'),
});

export type Config = Readonly<{
  databaseUrl: string;
  databasePool: number;
  /** Null: background jobs use PostgreSQL. */
  redisUrl: string | null;
  roles: readonly (typeof roleNames)[number][];
  /** Name of this process among its equals; holder of leases. */
  replica: string;
  http: Readonly<{ host: string; port: number; requestsPerSecond: number }>;
  /** `directUrl`: where agents reach this replica and no other, while `url` may be a load balancer's. */
  gateway: Readonly<{ host: string; port: number; url: string; directUrl: string }>;
  pkiDir: string;
  operatorKey: string | null;
  registry: Readonly<{ default: string; insecure: readonly string[]; authFile: string | null }>;
  heartbeatMs: number;
  hostUnreachableAfterMs: number;
  hostLostAfterMs: number;
  usageIntervalMs: number;
  leaseMs: number;
  logLevel: string;
}>;

/** @throws Error with one line for each bad variable. */
export function readConfig(env: Readonly<Record<string, string | undefined>> = process.env): Config {
  const parsed = schema.safeParse(env);
  if (!parsed.success) {
    throw new Error(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('\n'));
  }
  const e = parsed.data;
  return Object.freeze({
    databaseUrl: e.DATABASE_URL,
    databasePool: e.DATABASE_POOL,
    redisUrl: e.REDIS_URL ?? null,
    roles: Object.freeze(e.BERTH_ROLES),
    replica: e.BERTH_REPLICA,
    http: Object.freeze({ host: e.BERTH_HTTP_HOST, port: e.BERTH_HTTP_PORT, requestsPerSecond: e.BERTH_RATE_LIMIT_PER_SECOND }),
    gateway: Object.freeze({
      host: e.BERTH_GATEWAY_HOST,
      port: e.BERTH_GATEWAY_PORT,
      url: e.BERTH_GATEWAY_URL ?? `wss://127.0.0.1:${e.BERTH_GATEWAY_PORT}`,
      directUrl: e.BERTH_GATEWAY_DIRECT_URL ?? e.BERTH_GATEWAY_URL ?? `wss://127.0.0.1:${e.BERTH_GATEWAY_PORT}`,
    }),
    pkiDir: e.BERTH_PKI_DIR,
    operatorKey: e.BERTH_OPERATOR_KEY ?? null,
    registry: Object.freeze({
      default: e.BERTH_DEFAULT_REGISTRY,
      insecure: Object.freeze(e.BERTH_INSECURE_REGISTRIES),
      authFile: e.BERTH_REGISTRY_AUTH_FILE ?? null,
    }),
    heartbeatMs: e.BERTH_HEARTBEAT_MS,
    hostUnreachableAfterMs: e.BERTH_HOST_UNREACHABLE_AFTER_MS,
    hostLostAfterMs: e.BERTH_HOST_LOST_AFTER_MS,
    usageIntervalMs: e.BERTH_USAGE_INTERVAL_MS,
    leaseMs: e.BERTH_LEASE_MS,
    logLevel: e.BERTH_LOG_LEVEL,
  });
}

/** For people: every setting, secrets masked. */
export function describeConfig(config: Config): string {
  const mask = (url: string | null) => url?.replace(/\/\/([^:@/]*):[^@]*@/, '//$1:***@') ?? null;
  const shown = {
    ...config,
    databaseUrl: mask(config.databaseUrl),
    redisUrl: mask(config.redisUrl),
    operatorKey: config.operatorKey ? '***' : null,
  };
  return JSON.stringify(shown, null, 2);
}
