// Copies files in and out as tar streams. tar runs inside the container, confined as the container is, and so a link
// made by the tenant leads where it leads the tenant: nowhere on the host. The tar is ours, a static busybox that every
// container has below /dev, because an image need not have one.
import { posix } from 'node:path';
import type { PathStatus } from '@berth/contract';
import { toolboxPath } from './bundle.js';
import { runInside } from './exec-process.js';
import { openSession } from './exec-session.js';
import type { ExecRequest } from './exec-spec.js';
import { type ExecSession, InsideError, type InsideHost } from './inside.js';

const statTimeoutMs = 10_000;

/** What our own tar needs to give files their owners, whatever the container's program may do. */
const capabilities = ['CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_FOWNER', 'CAP_FSETID'];

const asRoot = { environment: {}, workingDirectory: '/', user: '0:0', capabilities } as const;

function program(command: readonly string[]): ExecRequest & { size: null } {
  return { ...asRoot, command: [toolboxPath, ...command], tty: false, size: null };
}

/** @throws InsideError path_not_found */
export async function copyOut(host: InsideHost, taskId: string, container: string, path: string): Promise<ExecSession> {
  await pathStatus(host, taskId, container, path);
  const { directory, name } = splitPath(path);
  return openSession(host, taskId, container, program(['tar', '-c', '-f', '-', '-C', directory, '--', name]));
}

/** @throws InsideError path_not_found, not_a_directory */
export async function copyIn(host: InsideHost, taskId: string, container: string, path: string): Promise<ExecSession> {
  const { kind } = await pathStatus(host, taskId, container, path);
  if (kind !== 'directory') throw new InsideError('not_a_directory', { path, container });
  return openSession(host, taskId, container, program(['tar', '-x', '-f', '-', '--numeric-owner', '-C', path]));
}

/** What is at a path as the container sees it, links followed. @throws InsideError path_not_found */
export async function pathStatus(host: InsideHost, taskId: string, container: string, path: string): Promise<PathStatus> {
  const ask = async (...options: string[]) =>
    runInside(host, taskId, container, {
      ...asRoot,
      command: [toolboxPath, 'stat', ...options, '-c', '%f %s', '--', path],
      timeoutMs: statTimeoutMs,
    });
  for (const options of [['-L'], []]) {
    const { exitCode, output } = await ask(...options);
    if (exitCode === 0) return statusOf(path, output);
  }
  throw new InsideError('path_not_found', { path, container });
}

/** By S_IFMT of inode(7). */
const kinds = new Map<number, PathStatus['kind']>([
  [0o100000, 'file'],
  [0o040000, 'directory'],
  [0o120000, 'link'],
]);

/** @param output mode in hexadecimal and size in bytes. */
export function statusOf(path: string, output: string): PathStatus {
  const [mode = '0', size = '0'] = output.trim().split(' ');
  const bits = Number.parseInt(mode, 16);
  return { path, kind: kinds.get(bits & 0o170000) ?? 'other', sizeBytes: Number(size), mode: bits & 0o7777 };
}

/** `/a/b/` as `b` in `/a`; the root as `.` in itself. */
export function splitPath(path: string): { directory: string; name: string } {
  const whole = posix.normalize(path).replace(/(?<=.)\/$/, '');
  return whole === '/' ? { directory: '/', name: '.' } : { directory: posix.dirname(whole), name: posix.basename(whole) };
}
