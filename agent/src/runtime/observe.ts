// What became of a container, read from the host: its record, its processes and the exit file its monitor wrote.
import { statSync } from 'node:fs';
import type { ContainerSpec } from '@berth/contract';
import type { Clock } from '../clock.js';
import type { Cgroups } from './cgroup.js';
import { signalInSandbox } from './gvisor.js';
import { ociProgram } from './oci-program.js';
import type { RuntimeOptions } from './options.js';
import type { Paths } from './paths.js';
import { isAlive, signalProcess } from './processes.js';
import { type FailureRecord, readIfThere, readRecord, type StartRecord, writeRecord } from './records.js';
import type { Exit, Observed } from './runtime.js';
import { signalNumber, signalOfExitCode } from './signals.js';

export interface ObserveHost {
  readonly paths: Paths;
  readonly groups: Cgroups;
  readonly clock: Clock;
}

const sigkill = 9;
const killedExitCode = 137;

/** A monitor that is gone while its container runs takes the container with it: its output and its end would be lost. */
export function observeContainer(host: ObserveHost, taskId: string, name: string): Observed {
  const at = host.paths.container(taskId, name);
  const record = readRecord<StartRecord>(at.record);
  if (!record) return { is: 'absent' };
  const failure = readRecord<FailureRecord>(at.failure);
  if (failure) return { is: 'exited', exit: failedExit(failure) };
  // Looked at before the exit file: a monitor seen dead has by then written the file if it ever will.
  const watched = isAlive(record.monitor);
  const exit = readExit(host, taskId, name);
  if (exit) return { is: 'exited', exit };
  if (watched) return { is: 'running', startedAtMs: record.startedAtMs };
  return { is: 'exited', exit: giveUp(host, taskId, name, 'The monitor of the container was killed, so the container was ended.') };
}

/** Kills a container that can't be watched any more and writes down why. */
export function giveUp(host: ObserveHost, taskId: string, name: string, reason: string): Exit {
  const at = host.paths.container(taskId, name);
  const record = readRecord<StartRecord>(at.record);
  if (record) signalProcess(record.process, sigkill);
  host.groups.killAll(at.cgroup);
  const failure = { reason, finishedAtMs: host.clock.now() };
  writeRecord(at.failure, failure);
  return failedExit(failure);
}

function failedExit({ reason, finishedAtMs }: FailureRecord): Exit {
  return { exitCode: killedExitCode, signal: 'SIGKILL', oomKilled: false, finishedAtMs, runtimeFailure: reason };
}

function readExit(host: ObserveHost, taskId: string, name: string): Exit | null {
  const at = host.paths.container(taskId, name);
  const text = readIfThere(at.exitFile);
  if (text === null || text.trim() === '') return null;
  const exitCode = Number(text) & 0xff;
  return {
    exitCode,
    signal: signalOfExitCode(exitCode),
    // A kill that the container survived, of one worker of many, is not how it ended.
    oomKilled: exitCode !== 0 && host.groups.oomKills(at.cgroup) > 0,
    finishedAtMs: finishedAt(at.exitFile, host.clock),
    runtimeFailure: null,
  };
}

/** The file's age by the wall clock, taken off our own clock: right even if the wall clock was set since boot. */
function finishedAt(exitFile: string, clock: Clock): number {
  const ageMs = Math.max(0, Date.now() - statSync(exitFile).mtimeMs);
  return clock.now() - Math.round(ageMs);
}

/** The definition's signal, else the image's, else SIGTERM. One that is no signal counts as not given. */
export function stopSignalOf(container: ContainerSpec, imageSignal: string | null): number {
  const sigterm = 15;
  for (const text of [container.stopSignal, imageSignal]) {
    const number = text === null ? null : signalNumber(text);
    if (number !== null) return number;
  }
  return sigterm;
}

/** To the container's first process. @returns false if it has ended, or never ran. */
export async function signalContainer(
  { paths, programs }: { readonly paths: Paths; readonly programs: RuntimeOptions['programs'] },
  taskId: string,
  name: string,
  signal: number,
): Promise<boolean> {
  const at = paths.container(taskId, name);
  const record = readRecord<StartRecord>(at.record);
  if (!record) return false;
  // A sandbox's processes are its own kernel's, which SIGKILL ends as a whole.
  if (record.isolation !== 'sandbox' || signal === sigkill) return signalProcess(record.process, signal);
  if (!isAlive(record.process)) return false;
  await signalInSandbox(ociProgram('sandbox', programs, paths), at.id, signal);
  return true;
}
