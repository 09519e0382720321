// The last look at a container's configuration before crun gets it: what must hold whatever made it. crun runs as
// root and does as it is told, and known holes of its versions are closed by these conditions (known-crun-faults.ts).
import { posix } from 'node:path';
import { allowedSysctls, grantableCapabilities } from '@berth/contract';
import { type Bundle, cgroupPath, initPath, maskedPaths, readonlyPaths, toolboxPath } from './bundle.js';
import { isKernels } from './mount-targets.js';
import type { RlimitCeilings } from './rlimits.js';

/** What of the host may be in a container. Volumes and secrets add their own places here. */
export interface Allowed {
  /** Only what lies in these; not they themselves. */
  readonly directories: readonly string[];
  readonly files: readonly string[];
  readonly rlimits: RlimitCeilings;
  /** Whether it may write to its control group's file system. */
  readonly delegatedCgroup: boolean;
}

/** What Berth mounts in places where nobody else may; each with the only type it may have. */
const kernelMounts: Readonly<Record<string, string>> = {
  '/proc': 'proc',
  '/sys': 'sysfs',
  [cgroupPath]: 'cgroup',
  '/dev': 'tmpfs',
  '/dev/pts': 'devpts',
  '/dev/shm': 'tmpfs',
  '/dev/mqueue': 'mqueue',
  [initPath]: 'bind',
  [toolboxPath]: 'bind',
};
const mountTypes = ['bind', 'tmpfs', 'proc', 'sysfs', 'cgroup', 'devpts', 'mqueue'];
const namespaces = ['pid', 'mount', 'ipc', 'uts', 'cgroup', 'network', 'user'];
/** A kernel may be asked for these by path; any other is made new. */
const joined = ['network', 'user'];

/** @returns what is wrong, or null. */
export function bundleFault(bundle: Bundle, allowed: Allowed): string | null {
  return (
    mountsFault(bundle, allowed) ??
    processFault(bundle.process, allowed) ??
    privilegesFault(bundle.process) ??
    namespacesFault(bundle.linux) ??
    kernelFault(bundle.linux, allowed)
  );
}

function mountsFault({ root, mounts }: Bundle, allowed: Allowed): string | null {
  const isOurs = (path: string) =>
    posix.normalize(path) === path &&
    (allowed.files.includes(path) || allowed.directories.some((directory) => path.startsWith(`${directory}/`)));
  if (!isOurs(root.path)) return `its root file system ${root.path} is none of ours`;
  for (const mount of mounts) {
    const { destination, type, source, options } = mount;
    if (!mountTypes.includes(type)) return `it mounts a ${type} on ${destination}`;
    if ((type === 'bind' || source.startsWith('/')) && !isOurs(source)) return `it mounts ${source} of the host`;
    if (posix.normalize(destination) !== destination || !destination.startsWith('/') || destination === '/')
      return `it mounts something on ${destination}`;
    if (isKernels(destination) && kernelMounts[destination] !== type) return `it mounts a ${type} on ${destination}`;
    if (!options.includes('nosuid')) return `programs on ${destination} may change their user`;
    // Devices of the task's own are made on /dev by crun, which is a tmpfs that only it has written to.
    if (destination !== '/dev' && type !== 'devpts' && !options.includes('nodev')) return `devices on ${destination} may be opened`;
    const isDelegated = allowed.delegatedCgroup && type === 'cgroup' && destination === cgroupPath;
    if (['sysfs', 'cgroup'].includes(type) && !options.includes('ro') && !isDelegated) return `${destination} may be written to`;
  }
  // CVE-2026-47766 and its like: without a mount on /dev, crun makes devices and files where a link in the image points.
  return ['/proc', '/dev', '/sys'].reduce<string | null>(
    (fault, path) => fault ?? (mounts.some(({ destination }) => destination === path) ? null : `nothing is mounted on ${path}`),
    null,
  );
}

function processFault({ cwd, rlimits }: Bundle['process'], allowed: Allowed): string | null {
  // CVE-2024-21626 and its like: a working directory that is somebody's open descriptor. /dev/fd is one too.
  const directory = posix.normalize(cwd);
  if (!directory.startsWith('/') || isKernels(directory)) return `its working directory ${cwd} is in /proc, /sys or /dev`;
  const higher = rlimits.find(({ type, soft, hard }) => soft > hard || hard > (allowed.rlimits[type] ?? 0));
  return higher ? `its ${higher.type} is higher than the agent’s own` : null;
}

function privilegesFault({ capabilities, noNewPrivileges }: Bundle['process']): string | null {
  const { bounding, permitted, effective, inheritable, ambient } = capabilities;
  const extra = [...bounding, ...permitted, ...effective].find((name) => !grantableCapabilities.includes(name.replace(/^CAP_/, '')));
  if (extra) return `it has the capability ${extra}`;
  // CVE-2022-27650: programs with capabilities of their own in the file system would be given these too.
  if (inheritable.length + ambient.length > 0) return 'it has capabilities to pass on';
  return noNewPrivileges ? null : 'it may gain privileges';
}

function namespacesFault(linux: Bundle['linux']): string | null {
  for (const type of namespaces) {
    const found = linux.namespaces.filter((namespace) => namespace.type === type);
    if (found.length !== 1) return `it has no ${type} namespace of its own`;
    if ('path' in (found[0] ?? {}) && !joined.includes(type)) return `it joins a ${type} namespace`;
  }
  return null;
}

function kernelFault(
  { seccomp, maskedPaths: masked, readonlyPaths: readOnly, resources, sysctl }: Bundle['linux'],
  { delegatedCgroup }: Allowed,
): string | null {
  if (seccomp.syscalls.length === 0 || seccomp.defaultAction !== 'SCMP_ACT_ERRNO') return 'it has no system call filter';
  if (resources.devices[0]?.allow !== false || resources.devices.some(({ allow }) => allow)) return 'it may open devices of the host';
  const setting = Object.keys(sysctl).find((name) => !allowedSysctls.includes(name));
  if (setting) return `it sets ${setting}, which is not the container’s own`;
  const open = maskedPaths.find((path) => !masked.includes(path));
  if (open) return `${open} is not hidden`;
  const writable = readonlyPaths.find((path) => !readOnly.includes(path) && !(delegatedCgroup && path === cgroupPath));
  return writable ? `${writable} may be written to` : null;
}
