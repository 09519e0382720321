// What a process that joins a running container is: the container's own process with other words. Pure, so that nothing
// of the confinement can be lost on the way: whatever is not named here stays as the container has it.
import { posix } from 'node:path';
import type { Bundle } from './bundle.js';
import type { ContainerUser } from './container-user.js';
import { isKernels } from './mount-targets.js';

export type OciProcess = Bundle['process'];
export type ExecOciProcess = OciProcess & { readonly consoleSize?: { readonly width: number; readonly height: number } };

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

export interface ExecRequest {
  readonly command: readonly string[];
  /** On top of the container's own. */
  readonly environment: Readonly<Record<string, string>>;
  /** Null: as the container. */
  readonly workingDirectory: string | null;
  /** `user[:group]`; null: as the container. */
  readonly user: string | null;
  readonly tty: boolean;
  /** Of the terminal when the program begins. */
  readonly size?: TerminalSize | null;
  /** For programs of ours alone: in place of what the container's own may have. */
  readonly capabilities?: readonly string[];
}

/** By this variable the processes of a session are found again, also those that left its process group. */
export const sessionVariable = 'BERTH_EXEC_SESSION';

/** @returns why a program may not begin in this directory, or null: it could be somebody's open descriptor (CVE-2024-21626). */
export function directoryFault(path: string): string | null {
  const directory = posix.normalize(path);
  return isKernels(directory) ? `it can't begin in ${directory.slice(0, 100)}: /proc, /sys and /dev are the kernel's` : null;
}

/** @param user resolved from the request; null when it names none. */
export function execProcess(own: OciProcess, request: ExecRequest, user: ContainerUser | null, sessionId: string): ExecOciProcess {
  return {
    ...own,
    terminal: request.tty,
    ...(request.size && { consoleSize: { width: request.size.columns, height: request.size.rows } }),
    args: [...request.command],
    env: environmentOf(own, request, user, sessionId),
    cwd: request.workingDirectory ?? own.cwd,
    ...(user && { user: { ...own.user, uid: user.uid, gid: user.gid, additionalGids: [...user.additionalGids] } }),
    ...(user && { capabilities: capabilitiesOf(own, user, request.capabilities ?? own.capabilities.bounding) }),
  };
}

function environmentOf(own: OciProcess, request: ExecRequest, user: ContainerUser | null, sessionId: string): string[] {
  const merged = new Map(own.env.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
  if (user) merged.set('HOME', user.home);
  if (request.tty && !merged.has('TERM')) merged.set('TERM', 'xterm');
  for (const [name, value] of Object.entries(request.environment)) merged.set(name, value);
  merged.set(sessionVariable, sessionId);
  return [...merged].map(([name, value]) => `${name}=${value}`);
}

/** Root may have what the container's root may have, and nobody else has any: as for the container's first process. */
function capabilitiesOf(own: OciProcess, user: ContainerUser, most: readonly string[]): OciProcess['capabilities'] {
  const bounding = [...most];
  const held = user.uid === 0 ? bounding : [];
  return { ...own.capabilities, bounding, permitted: held, effective: held };
}
