// Makes the OCI runtime configuration of one container. Pure: whatever it says about the host comes as an argument.
import { type ContainerSpec, effectiveCapabilities, type TaskSpec } from '@berth/contract';
import type { ContainerUser } from './container-user.js';
import type { ImageConfig } from './image-store.js';
import type { SeccompProfile } from './seccomp.js';

/** What the host has made for the container, by path. */
export interface BundlePlaces {
  readonly rootfs: string;
  readonly userNamespace: string;
  readonly networkNamespace: string;
  /** Without a leading slash, as `<instance>/<task>/<container>`. */
  readonly cgroup: string;
  /** Where hosts, hostname and resolv.conf of the task are. */
  readonly files: string;
  readonly init: string;
  /** A static busybox for copying files in and out; null if this host has none. */
  readonly toolbox?: string | null;
  /** Volumes and secret files. */
  readonly storage?: readonly Mount[];
}

export interface BundleInput {
  readonly task: TaskSpec;
  readonly container: ContainerSpec;
  readonly image: ImageConfig;
  readonly user: ContainerUser;
  readonly places: BundlePlaces;
  readonly seccomp: SeccompProfile;
  /** Where the container finds its metadata. */
  readonly guestEnvironment?: Readonly<Record<string, string>>;
  /** As rlimits.ts has made them of the definition's and the agent's own. */
  readonly rlimits: readonly Rlimit[];
}

export interface Rlimit {
  readonly type: string;
  readonly soft: number;
  readonly hard: number;
}

export interface Mount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

export type Bundle = ReturnType<typeof bundleFor>;

export const maskedPaths = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
] as const;

export const cgroupPath = '/sys/fs/cgroup';
/** The last is a tmpfs with the controllers below it where the host has cgroup v1; crun leaves that writable. */
export const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger', cgroupPath] as const;

export const initPath = '/dev/init';
/** What copies files in and out; by its name it knows itself. */
export const toolboxPath = '/dev/busybox';
/** How many arguments the init takes before those of the program itself. */
export const initArguments = 2;
const defaultPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const ownTerminal = 'TERM=xterm';
/** By which systemd knows that it is in a container (systemd.io/CONTAINER_INTERFACE). */
const containerMark = 'container=oci';
/** When the whole host runs out of memory, a task's process goes before the agent and the system (proc(5)). */
const tasksFirst = 500;

/**
 * @throws Error when neither definition nor image says what to run, in words for the task's owner.
 */
export function bundleFor(input: BundleInput) {
  const { container, user, places } = input;
  const held = effectiveCapabilities(container.capabilities).map((name) => `CAP_${name}`);
  // A process that doesn't start as root has no capabilities, as execve itself would have it.
  const own = user.uid === 0 ? held : [];
  return {
    ociVersion: '1.0.2',
    root: { path: places.rootfs, readonly: container.readonlyRootFilesystem },
    hostname: containerHostname(input.task, container),
    process: {
      terminal: container.tty,
      user: { uid: user.uid, gid: user.gid, umask: 0o022, additionalGids: [...user.additionalGids] },
      args: argvOf(input),
      env: environmentOf(input),
      cwd: workingDirectoryOf(input),
      capabilities: { bounding: [...held], permitted: [...own], effective: [...own], inheritable: [] as string[], ambient: [] as string[] },
      rlimits: input.rlimits,
      noNewPrivileges: true,
      oomScoreAdj: tasksFirst,
    },
    mounts: mountsOf(input),
    linux: {
      namespaces: [
        { type: 'pid' },
        { type: 'mount' },
        { type: 'ipc' },
        { type: 'uts' },
        { type: 'cgroup' },
        { type: 'network', path: places.networkNamespace },
        { type: 'user', path: places.userNamespace },
      ],
      cgroupsPath: `/${places.cgroup}`,
      resources: { devices: [{ allow: false, access: 'rwm' }] },
      sysctl: { ...container.sysctls },
      seccomp: input.seccomp,
      maskedPaths: [...maskedPaths],
      readonlyPaths: readonlyPaths.filter((path) => path !== cgroupPath || !container.delegateCgroup) as string[],
    },
  };
}

/** The definition's entry point replaces the image's, and then the image's command doesn't count either: as in Docker. */
function argvOf({ container, image }: BundleInput): string[] {
  const entryPoint = container.entryPoint ?? image.entryPoint;
  const command = container.command ?? (container.entryPoint ? [] : image.command);
  const argv = [...entryPoint, ...command];
  if (argv.length === 0) throw new Error('neither its definition nor its image says what to run: give a command');
  return container.init ? [initPath, '--', ...argv] : argv;
}

function environmentOf({ container, image, user, task, guestEnvironment = {} }: BundleInput): string[] {
  const merged = new Map<string, string>();
  const given = [
    ...[defaultPath, `HOME=${user.home}`, `HOSTNAME=${containerHostname(task, container)}`],
    ...(container.delegateCgroup ? [containerMark] : []),
  ];
  for (const line of [...given, ...(container.tty ? [ownTerminal] : []), ...image.environment]) {
    const equals = line.indexOf('=');
    if (equals > 0 && !line.includes('\0')) merged.set(line.slice(0, equals), line.slice(equals + 1));
  }
  for (const [name, value] of Object.entries({ ...guestEnvironment, ...container.environment })) merged.set(name, value);
  return [...merged].map(([name, value]) => `${name}=${value}`);
}

function workingDirectoryOf({ container, image }: BundleInput): string {
  const directory = container.workingDirectory ?? image.workingDirectory;
  return directory.startsWith('/') ? directory : '/';
}

/** The task's name if it has one, else its short id: what `hostname` says and logs show. */
export function hostnameOf(task: Pick<TaskSpec, 'name' | 'taskId'>): string {
  return task.name ?? task.taskId.slice(0, 8);
}

export function containerHostname(task: Pick<TaskSpec, 'name' | 'taskId'>, container: Pick<ContainerSpec, 'hostname'>): string {
  return container.hostname ?? hostnameOf(task);
}

function mountsOf({ container, places }: BundleInput): Mount[] {
  // Read-only: they lie in the host's memory, where nothing else bounds what a task may write.
  const file = (name: string): Mount => ({
    destination: `/etc/${name}`,
    type: 'bind',
    source: `${places.files}/${name}`,
    options: ['bind', 'rprivate', 'ro', 'nosuid', 'nodev', 'noexec'],
  });
  return [
    { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
    // A tmpfs of our own on /dev keeps crun from making device nodes through a link in the image (CVE-2026-47766).
    { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'] },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    {
      destination: '/dev/shm',
      type: 'tmpfs',
      source: 'shm',
      options: ['nosuid', 'noexec', 'nodev', 'mode=1777', `size=${container.shmSizeMiB}m`],
    },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
    // Where it may be written to, the kernel lets nobody inside write but to what was made theirs: see delegation.ts.
    {
      destination: cgroupPath,
      type: 'cgroup',
      source: 'cgroup',
      options: ['nosuid', 'noexec', 'nodev', 'relatime', container.delegateCgroup ? 'rw' : 'ro'],
    },
    // What lies deeper comes later, or it would be hidden.
    ...[...container.tmpfs.map(tmpfsMount), ...(places.storage ?? [])].sort((a, b) => a.destination.length - b.destination.length),
    file('hosts'),
    file('hostname'),
    file('resolv.conf'),
    ...(container.init
      ? [{ destination: initPath, type: 'bind', source: places.init, options: ['bind', 'rprivate', 'ro', 'nosuid', 'nodev'] }]
      : []),
    ...(places.toolbox
      ? [{ destination: toolboxPath, type: 'bind', source: places.toolbox, options: ['bind', 'rprivate', 'ro', 'nosuid', 'nodev'] }]
      : []),
  ];
}

function tmpfsMount({ path, sizeMiB, mode, uid, gid, exec }: ContainerSpec['tmpfs'][number]): Mount {
  const options = ['nosuid', 'nodev', ...(exec ? [] : ['noexec']), `size=${sizeMiB}m`, `mode=${mode}`, `uid=${uid}`, `gid=${gid}`];
  return { destination: path, type: 'tmpfs', source: 'tmpfs', options };
}
