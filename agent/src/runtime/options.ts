// What the agent's configuration tells the container runtime. Everything that is host-wide is named after `instance`,
// so that several agents (and tests) can share one machine.
import type { Capacity } from '@berth/contract';
import type { BackoffRange } from '../backoff.js';
import type { Clock } from '../clock.js';
import type { GuestEnvironment } from '../guest/guest-environment.js';
import type { SpareSpace } from './image-choice.js';

export interface RuntimeOptions {
  /** 1–9 lower-case letters or digits; names the bridge, the nft tables, the cgroup parent and /run/<instance>. */
  readonly instance: string;
  /** Absolute. Holds `images/` (the store), `tasks/` (writable layers, bundles) and `logs/`. */
  readonly dataDirectory: string;
  /** IPv4 in CIDR form, /16 to /28, for example 10.66.0.0/16. Its first address is the bridge's. */
  readonly subnet: string;
  /** This host's address in the network that connects the hosts; null: none, and tasks reach no other host's. */
  readonly underlay: string | null;
  /** First host user id handed to containers; ranges of 65,536 ids follow upon it. At least 100,000. */
  readonly uidBase: number;
  /** How many ranges may follow upon `uidBase`: the most tasks and ready slots at one time. */
  readonly uidRanges: number;
  /** `host[:port]` of registries to be spoken to without TLS, or with a certificate that nobody vouches for. */
  readonly insecureRegistries: readonly string[];
  /** A containers-auth.json(5) file, or null for anonymous pulls. */
  readonly registryAuthFile: string | null;
  /** How long a task waits for an image, with all attempts to pull it. */
  readonly imagePullTimeoutMs: number;
  /** How often a pull is tried again that failed for reasons that may pass, and how long it waits between. */
  readonly imagePullRetries: BackoffRange & { readonly times: number };
  /** What one pull may write to the disk: layers as they come, and unpacked. */
  readonly imageMaxBytes: number;
  /** Null: the host's reserve (disk-space.ts). */
  readonly imageSpace: SpareSpace | null;
  /** How long crun may take to create a container before it counts as hung. */
  readonly createTimeoutMs: number;
  /** Absolute paths of what runs containers; `init` is a static program that is mounted into them as PID 1. `runsc` may be missing, and
   * `toolbox`, a static busybox for copying files, too. */
  readonly programs: {
    readonly crun: string;
    readonly runsc: string;
    readonly init: string;
    readonly toolbox: string;
  };
  /** Sandboxes (namespaces, address, disk) kept ready ahead of need. */
  readonly poolSize: number;
  /** How many containers may be in the middle of their start at one time. */
  readonly startConcurrency: number;
  readonly logs: LogLimits;
  /** Null: the machine's own size less a reserve for the system. */
  readonly capacity: Capacity | null;
  /** What tasks' disks and volumes may hold together. Null: what the disk has free at the start, less a reserve. */
  readonly diskMiB: number | null;
  /** Variables that tell a container where its metadata is. */
  readonly guestEnvironment: GuestEnvironment;
  readonly clock: Clock;
  /** Tells of things that are worth a line in the agent's log and are nobody's exception. */
  readonly log: RuntimeLog;
}

export interface LogLimits {
  /** All of one container's log on disk; the oldest goes for the newest. */
  readonly maxContainerBytes: number;
  /** In how many files: of so many parts one is lost at a time. */
  readonly files: number;
  /** Logs of ended tasks are removed after this … */
  readonly retentionMs: number;
  /** … or earlier, oldest first, while all of them together are larger than this. */
  readonly maxTotalBytes: number;
}

/** The part of pino's interface that the runtime uses. */
export interface RuntimeLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export const runtimeDefaults = {
  instance: 'berth',
  subnet: '10.66.0.0/16',
  underlay: null,
  uidBase: 1_000_000_000,
  uidRanges: 4096,
  insecureRegistries: [],
  registryAuthFile: null,
  imagePullTimeoutMs: 10 * 60_000,
  imagePullRetries: { times: 5, firstMs: 2_000, mostMs: 30_000 },
  imageMaxBytes: 20 * 1024 ** 3,
  imageSpace: null,
  createTimeoutMs: 30_000,
  programs: {
    crun: '/usr/bin/crun',
    runsc: '/usr/bin/runsc',
    init: '/usr/bin/catatonit',
    toolbox: '/bin/busybox',
  },
  poolSize: 128,
  startConcurrency: 8,
  logs: { maxContainerBytes: 64 * 1024 * 1024, files: 8, retentionMs: 7 * 24 * 3_600_000, maxTotalBytes: 2 * 1024 ** 3 },
  capacity: null,
  guestEnvironment: () => ({}),
  diskMiB: null,
} as const satisfies Partial<RuntimeOptions>;
