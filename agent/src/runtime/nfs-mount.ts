// Directories of NFS servers, mounted by the host for one task. A server that does not answer fails what is done with it
// after some seconds, and holds up neither the agent nor the clean-up of the task.
import { lookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import type { NfsSource } from '@berth/contract';
import { mountFault, type Surroundings, serverFault } from './nfs-guard.js';
import { runProgram } from './programs.js';
import { readOrEmpty } from './records.js';
import { TaskStartError } from './runtime.js';

const loadTimeoutMs = 30_000;
const mountTimeoutMs = 60_000;
/** Tenths of a second to the first repetition, of which there are two. */
const softly = 'soft,timeo=50,retrans=2';

/** A kernel that has it as a module doesn't name it before that is loaded. @returns whether it has it now. */
export async function loadNfs(): Promise<boolean> {
  if (!kernelHasNfs()) await runProgram('modprobe', ['--quiet', 'nfsv4'], { timeoutMs: loadTimeoutMs }).catch(() => {});
  return kernelHasNfs();
}

function kernelHasNfs(): boolean {
  return /\bnfs4$/m.test(readOrEmpty('/proc/filesystems'));
}

/**
 * The name is looked up once and its address mounted, so that it can't become another one after the check.
 * @throws TaskStartError when the server may not be used, is not found or refuses.
 */
export async function mountNfs({ server, path }: NfsSource, target: string, around: Omit<Surroundings, 'own'>): Promise<void> {
  if (!kernelHasNfs()) throw refused(server, 'this host’s kernel has no NFS');
  const address = await addressOf(server);
  const own = Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map((one) => one.address));
  const fault = serverFault(address, { ...around, own });
  if (fault) throw refused(server, fault);
  const options = `nosuid,nodev,vers=4.1,proto=tcp,port=2049,sec=sys,${softly},addr=${address}`;
  // By a program, for a server that does not answer would hold up mount(2) and with it the agent.
  const mounted = await runProgram('mount', ['--internal-only', '-t', 'nfs4', '-o', options, `${address}:${path}`, target], {
    timeoutMs: mountTimeoutMs,
    env: { ...process.env, LC_ALL: 'C' },
  });
  if (mounted.code !== 0) throw refused(server, mounted.timedOut ? 'it did not answer in time' : mountFault(mounted.stderr, path));
}

/**
 * Also of one that does not answer. Safe twice. Not by force: the kernel has one file system for all that is mounted of one
 * directory of a server, and force fails what every task is doing there at the moment.
 */
export async function unmountNfs(target: string): Promise<void> {
  await runProgram('umount', ['--internal-only', '--no-canonicalize', '--lazy', target], { timeoutMs: mountTimeoutMs });
}

async function addressOf(server: string): Promise<string> {
  const found = await lookup(server, { family: 4 }).catch(() => null);
  if (!found) throw refused(server, 'no IPv4 address was found for it');
  return found.address;
}

function refused(server: string, why: string): TaskStartError {
  return new TaskStartError('TaskFailedToStart', `The NFS server ${server} could not be used: ${why}.`);
}
