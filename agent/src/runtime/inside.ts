// The port for what one can do inside a running task: run programs, copy files, reach its ports. A part of runtime.ts,
// with the same two implementations.
import type { Duplex, Readable, Writable } from 'node:stream';
import type { PathStatus, StreamErrorCode, TaskId } from '@berth/contract';
import type { Cgroups } from './cgroup.js';
import type { ExecRequest, TerminalSize } from './exec-spec.js';
import type { Paths } from './paths.js';
import type { SealedPrograms } from './sealed-programs.js';

/** Streams are read no faster than the other end takes, and written no faster than the program reads. */
export interface ExecSession {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Null with a terminal, which has but one stream. */
  readonly stderr: Readable | null;
  resize(size: TerminalSize): void;
  /** 0–255, 128 + n when signal n ended it. Resolves when all output has been read, too. */
  readonly exitCode: Promise<number>;
  /** Ends all that the session runs: SIGHUP, then SIGKILL. Safe at any time. */
  hangUp(): Promise<void>;
}

export interface Inside {
  /** @throws InsideError */
  exec(taskId: TaskId, container: string, request: ExecRequest & { readonly size: TerminalSize | null }): Promise<ExecSession>;
  /** A tar of what is at `path`, its names beginning with the path's last part. @throws InsideError */
  copyOut(taskId: TaskId, container: string, path: string): Promise<ExecSession>;
  /** Unpacks a tar, given to stdin, into the directory `path`. @throws InsideError */
  copyIn(taskId: TaskId, container: string, path: string): Promise<ExecSession>;
  /** @throws InsideError */
  stat(taskId: TaskId, container: string, path: string): Promise<PathStatus>;
  /** A connection to the task's own loopback. @throws InsideError if nobody listens. */
  connect(taskId: TaskId, port: number): Promise<Duplex>;
}

/** What the control plane is to answer; `values` fill the catalogue's sentence. */
export class InsideError extends Error {
  constructor(
    readonly code: StreamErrorCode,
    readonly values: Readonly<Record<string, string>>,
  ) {
    super(`${code}: ${Object.values(values).join(', ')}`);
    this.name = 'InsideError';
  }
}

/** What this folder's implementation stands on. */
export interface InsideHost {
  readonly paths: Paths;
  readonly groups: Cgroups;
  readonly programs: { readonly crun: string; readonly runsc: string };
  /** Of crun, which goes into containers: what runs inside could hold it by /proc/self/exe (CVE-2019-5736). */
  readonly sealed: SealedPrograms;
}
