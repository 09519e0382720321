// The last look at a container's configuration before crun gets it: what must hold whatever made it. crun runs as
// root and does as it is told, and known holes of its versions are closed by these conditions (docs: CVE numbers below).
import { posix } from 'node:path';
import { type Bundle, capabilities, maskedPaths } from './bundle.js';

/**
 * @param ownDirectories the only host directories that the container may be given.
 * @returns what is wrong, or null.
 */
export function bundleFault(bundle: Bundle, ownDirectories: readonly string[], ownFiles: readonly string[]): string | null {
  const { mounts, process, linux, root } = bundle;
  const isOurs = (path: string) =>
    posix.normalize(path) === path && (ownFiles.includes(path) || ownDirectories.some((directory) => path.startsWith(`${directory}/`)));

  if (!isOurs(root.path)) return `its root file system ${root.path} is none of ours`;
  for (const mount of mounts) {
    if ((mount.type === 'bind' || mount.source.startsWith('/')) && !isOurs(mount.source)) return `it mounts ${mount.source} of the host`;
  }
  // CVE-2026-47766: without a mount on /dev, crun makes device nodes where a link in the image points.
  if (!mounts.some((mount) => mount.destination === '/dev' && mount.type === 'tmpfs')) return 'nothing is mounted on /dev';
  // CVE-2024-21626 and its like: a working directory that is somebody's open descriptor.
  const cwd = posix.normalize(process.cwd);
  if (!cwd.startsWith('/') || cwd === '/proc' || cwd.startsWith('/proc/') || cwd === '/sys' || cwd.startsWith('/sys/'))
    return `its working directory ${process.cwd} is in /proc or /sys`;
  const given = [...process.capabilities.bounding, ...process.capabilities.permitted, ...process.capabilities.effective];
  const extra = given.find((capability) => !(capabilities as readonly string[]).includes(capability));
  if (extra) return `it has the capability ${extra}`;
  if (process.capabilities.inheritable.length + process.capabilities.ambient.length > 0) return 'it has capabilities to pass on';
  if (!process.noNewPrivileges) return 'it may gain privileges';
  if (linux.seccomp.syscalls.length === 0) return 'it has no system call filter';
  for (const type of ['pid', 'mount', 'ipc', 'uts', 'cgroup', 'network', 'user']) {
    if (!linux.namespaces.some((namespace) => namespace.type === type)) return `it has no ${type} namespace of its own`;
  }
  const missing = maskedPaths.find((path) => !linux.maskedPaths.includes(path));
  return missing ? `${missing} is not hidden` : null;
}
