// The control plane's settings: the only place that reads its environment. Checked, frozen, and printable with
// secrets masked (`node dist/src/main.js --check-config`).
import { hostname } from 'node:os';
import { cidrSchema } from '@berth/contract';
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
  BERTH_PUBLIC_URL: z
    .string()
    .regex(/^https?:\/\/[^/\s]+(\/[^\s?#]*[^/\s?#])?$/, 'must be http://… or https://…, without a slash at the end')
    .optional(),
  BERTH_ALLOWED_ORIGINS: list.default([]),
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
  BERTH_MASTER_KEY_FILE: z.string().optional(),
  BERTH_OLDER_MASTER_KEY_FILES: list.default([]),
  BERTH_MASTER_KEY_COMMAND: z.string().regex(/^\//, 'must be the path of a program: /…').optional(),
  BERTH_MASTER_KEY_ID: z
    .string()
    .regex(/^[\x21-\x7e]{1,300}$/, 'must be 1–300 visible ASCII characters')
    .optional(),
  BERTH_MASTER_KEY_TIMEOUT_MS: milliseconds.default(10_000),
  BERTH_OIDC_ISSUER: z.url().optional(),
  BERTH_OIDC_CLIENT_ID: z.string().min(1).default('berth'),
  BERTH_OIDC_CLIENT_SECRET: z.string().min(1).optional(),
  BERTH_TRUSTED_PROXIES: list.default([]),
  BERTH_OPERATOR_KEY: z.string().min(32).optional(),
  BERTH_DEFAULT_REGISTRY: z.string().default('127.0.0.1:7072'),
  BERTH_INSECURE_REGISTRIES: list.default(['127.0.0.1:7072']),
  BERTH_REGISTRY_AUTH_FILE: z.string().optional(),
  BERTH_TASK_NETWORK: cidrSchema.optional(),
  BERTH_HOST_SUBNET_PREFIX: z.coerce.number().int().min(16).max(28).default(22),
  BERTH_VXLAN_VNI: z.coerce.number().int().min(1).max(16_777_215).default(66),
  BERTH_VXLAN_PORT: port.default(4789),
  BERTH_PROTECTED_NETWORKS: list.pipe(z.array(cidrSchema)).default([]),
  BERTH_HEARTBEAT_MS: milliseconds.default(5_000),
  BERTH_HOST_UNREACHABLE_AFTER_MS: milliseconds.default(15_000),
  BERTH_HOST_LOST_AFTER_MS: milliseconds.default(300_000),
  BERTH_USAGE_INTERVAL_MS: milliseconds.default(300_000),
  BERTH_LEASE_MS: milliseconds.default(5_000),
  BERTH_RATE_LIMIT_PER_SECOND: z.coerce.number().int().min(1).default(200),
  BERTH_LOG_STORE: z
    .string()
    .regex(/^(\/|s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/|$))/, 'must be a directory (/…) or s3://bucket/prefix')
    .optional(),
  BERTH_LOG_RETENTION_HOURS: z.coerce
    .number()
    .int()
    .min(1)
    .default(14 * 24),
  BERTH_S3_ENDPOINT: z
    .string()
    .regex(/^https?:\/\//, 'must begin with http:// or https://')
    .optional(),
  BERTH_S3_REGION: z.string().min(1).default('us-east-1'),
  BERTH_INVOICE_GRACE_HOURS: z.coerce.number().int().min(0).max(720).default(24),
  BERTH_STRIPE_KEY: z.string().min(8).optional(),
  BERTH_STRIPE_URL: z
    .string()
    .regex(/^https?:\/\/[^/]+$/, 'must be http://… or https://…, without a path')
    .optional(),
  BERTH_SMTP_URL: z
    .string()
    .regex(/^smtps?:\/\/[^/\s]+/, 'must be smtp://user:password@host:port or smtps://…')
    .optional(),
  BERTH_MAIL_FROM: z.string().min(3).default('berth@localhost'),
  BERTH_WEBHOOK_NETWORKS: list.pipe(z.array(cidrSchema)).default([]),
  BERTH_EC2_REGION: z
    .string()
    .regex(/^[a-z0-9-]{3,40}$/, 'must be a region such as eu-central-1')
    .optional(),
  BERTH_EC2_ENDPOINT: z
    .string()
    .regex(/^https?:\/\//, 'must begin with http:// or https://')
    .optional(),
  BERTH_FLEET_INTERVAL_MS: milliseconds.default(10_000),
  BERTH_FLEET_STRAY_GRACE_MS: milliseconds.default(900_000),
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
  /**
   * `origins`: pages of other sites that may open WebSockets and use sessions, as `https://console.example.com`.
   * `proxies`: addresses or networks whose X-Forwarded-For is believed.
   */
  http: Readonly<{ host: string; port: number; requestsPerSecond: number; origins: readonly string[]; proxies: readonly string[] }>;
  /** `directUrl`: where agents reach this replica and no other, while `url` may be a load balancer's. */
  /** Where the API is reached from outside; the issuer of tasks' identity tokens. */
  publicUrl: string;
  gateway: Readonly<{ host: string; port: number; url: string; directUrl: string }>;
  pkiDir: string;
  /** 32 bytes in base64, which open tenants' secrets. Null: `master.key` in `pkiDir`, made if it is missing. */
  masterKeyFile: string | null;
  /** Where users can sign in beside with a password. Null: nowhere. */
  oidc: Readonly<{ issuer: string; clientId: string; clientSecret: string | null }> | null;
  /** Master keys of before, which open what is not wrapped anew yet. */
  olderMasterKeyFiles: readonly string[];
  /**
   * A program that asks a key service. `keyId`: of the key that wraps, as the service calls it; null: the file's key wraps,
   * and the service only unwraps what it wrapped before.
   */
  masterKeyCommand: Readonly<{ program: string; keyId: string | null; timeoutMs: number }> | null;
  operatorKey: string | null;
  registry: Readonly<{ default: string; insecure: readonly string[]; authFile: string | null }>;
  network: Readonly<{
    /** Of which each host gets a subnet, by which tasks on different hosts reach each other. Null: hosts keep their own. */
    taskNetwork: string | null;
    /** Prefix length of a host's subnet. */
    hostPrefix: number;
    vni: number;
    vxlanPort: number;
    /** Where no task may connect to. */
    protectedNetworks: readonly string[];
  }>;
  heartbeatMs: number;
  hostUnreachableAfterMs: number;
  hostLostAfterMs: number;
  usageIntervalMs: number;
  leaseMs: number;
  /** Where logs of ended tasks are kept; null: with their hosts, as long as those keep them. */
  logs: Readonly<{ store: LogStoreConfig | null; retentionHours: number }>;
  invoices: Readonly<{
    /** A month is closed so long after its end: most of what comes late has come by then. */
    graceHours: number;
    /** Where closed invoices are handed on to. Null: nowhere. `url`: in place of Stripe's own. */
    stripe: Readonly<{ key: string; url: string | null }> | null;
  }>;
  alerts: Readonly<{
    /** Null: no e-mail is sent. */
    smtpUrl: string | null;
    mailFrom: string;
    /** Networks that tenants' webhooks may reach although they are not on the Internet. */
    allowedNetworks: readonly string[];
  }>;
  /** Where pools' machines are started; null: nowhere. */
  ec2: Readonly<{ region: string; endpoint: string | null }> | null;
  /** `strayGraceMs`: how old an instance that no row knows must be before it is ended. */
  fleet: Readonly<{ intervalMs: number; strayGraceMs: number }>;
  logLevel: string;
}>;

export type LogStoreConfig =
  | Readonly<{ kind: 'directory'; path: string }>
  | Readonly<{ kind: 's3'; bucket: string; prefix: string; region: string; endpoint: string | null }>;

function logStoreOf(e: z.output<typeof schema>): LogStoreConfig | null {
  const { BERTH_LOG_STORE: place, BERTH_S3_REGION: region, BERTH_S3_ENDPOINT: endpoint = null } = e;
  if (place === undefined) return null;
  if (place.startsWith('/')) return Object.freeze({ kind: 'directory', path: place });
  const [bucket = '', ...path] = place.slice('s3://'.length).split('/').filter(Boolean);
  return Object.freeze({ kind: 's3', bucket, prefix: path.map((part) => `${part}/`).join(''), region, endpoint });
}

function oidcOf({ BERTH_OIDC_ISSUER: issuer, BERTH_OIDC_CLIENT_ID: clientId, BERTH_OIDC_CLIENT_SECRET: secret }: z.output<typeof schema>) {
  return issuer === undefined ? null : Object.freeze({ issuer, clientId, clientSecret: secret ?? null });
}

function keyCommandOf(e: z.output<typeof schema>): Config['masterKeyCommand'] {
  const { BERTH_MASTER_KEY_COMMAND: program, BERTH_MASTER_KEY_ID: keyId = null, BERTH_MASTER_KEY_TIMEOUT_MS: timeoutMs } = e;
  if (program !== undefined) return Object.freeze({ program, keyId, timeoutMs });
  if (keyId !== null) throw new Error('BERTH_MASTER_KEY_ID: needs BERTH_MASTER_KEY_COMMAND, which asks for it');
  return null;
}

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
    http: Object.freeze({
      host: e.BERTH_HTTP_HOST,
      port: e.BERTH_HTTP_PORT,
      requestsPerSecond: e.BERTH_RATE_LIMIT_PER_SECOND,
      origins: Object.freeze(e.BERTH_ALLOWED_ORIGINS),
      proxies: Object.freeze(e.BERTH_TRUSTED_PROXIES),
    }),
    publicUrl: e.BERTH_PUBLIC_URL ?? `http://${e.BERTH_HTTP_HOST}:${e.BERTH_HTTP_PORT}`,
    gateway: Object.freeze({
      host: e.BERTH_GATEWAY_HOST,
      port: e.BERTH_GATEWAY_PORT,
      url: e.BERTH_GATEWAY_URL ?? `wss://127.0.0.1:${e.BERTH_GATEWAY_PORT}`,
      directUrl: e.BERTH_GATEWAY_DIRECT_URL ?? e.BERTH_GATEWAY_URL ?? `wss://127.0.0.1:${e.BERTH_GATEWAY_PORT}`,
    }),
    pkiDir: e.BERTH_PKI_DIR,
    masterKeyFile: e.BERTH_MASTER_KEY_FILE ?? null,
    olderMasterKeyFiles: Object.freeze(e.BERTH_OLDER_MASTER_KEY_FILES),
    masterKeyCommand: keyCommandOf(e),
    operatorKey: e.BERTH_OPERATOR_KEY ?? null,
    oidc: oidcOf(e),
    registry: Object.freeze({
      default: e.BERTH_DEFAULT_REGISTRY,
      insecure: Object.freeze(e.BERTH_INSECURE_REGISTRIES),
      authFile: e.BERTH_REGISTRY_AUTH_FILE ?? null,
    }),
    network: Object.freeze({
      taskNetwork: e.BERTH_TASK_NETWORK ?? null,
      hostPrefix: e.BERTH_HOST_SUBNET_PREFIX,
      vni: e.BERTH_VXLAN_VNI,
      vxlanPort: e.BERTH_VXLAN_PORT,
      protectedNetworks: Object.freeze(e.BERTH_PROTECTED_NETWORKS),
    }),
    heartbeatMs: e.BERTH_HEARTBEAT_MS,
    hostUnreachableAfterMs: e.BERTH_HOST_UNREACHABLE_AFTER_MS,
    hostLostAfterMs: e.BERTH_HOST_LOST_AFTER_MS,
    usageIntervalMs: e.BERTH_USAGE_INTERVAL_MS,
    leaseMs: e.BERTH_LEASE_MS,
    logs: Object.freeze({ store: logStoreOf(e), retentionHours: e.BERTH_LOG_RETENTION_HOURS }),
    invoices: Object.freeze({
      graceHours: e.BERTH_INVOICE_GRACE_HOURS,
      stripe: e.BERTH_STRIPE_KEY === undefined ? null : Object.freeze({ key: e.BERTH_STRIPE_KEY, url: e.BERTH_STRIPE_URL ?? null }),
    }),
    alerts: Object.freeze({
      smtpUrl: e.BERTH_SMTP_URL ?? null,
      mailFrom: e.BERTH_MAIL_FROM,
      allowedNetworks: Object.freeze(e.BERTH_WEBHOOK_NETWORKS),
    }),
    ec2: e.BERTH_EC2_REGION === undefined ? null : Object.freeze({ region: e.BERTH_EC2_REGION, endpoint: e.BERTH_EC2_ENDPOINT ?? null }),
    fleet: Object.freeze({ intervalMs: e.BERTH_FLEET_INTERVAL_MS, strayGraceMs: e.BERTH_FLEET_STRAY_GRACE_MS }),
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
    alerts: { ...config.alerts, smtpUrl: mask(config.alerts.smtpUrl) },
    invoices: { ...config.invoices, stripe: config.invoices.stripe && { ...config.invoices.stripe, key: '***' } },
    oidc: config.oidc && { ...config.oidc, clientSecret: config.oidc.clientSecret ? '***' : null },
  };
  return JSON.stringify(shown, null, 2);
}
