// Directories of NFS servers, mounted by the host for one task. A server that does not answer fails what is done with it
// after some seconds, and holds up neither the agent nor the clean-up of the task.
import { lookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import type { NfsSource } from '@berth/contract';
import { type Surroundings, serverFault } from './nfs-guard.js';
import { mustRun, runProgram } from './programs.js';
import { readOrEmpty } from './records.js';
import { TaskStartError } from './runtime.js';

const mountTimeoutMs = 60_000;
/** Tenths of a second to the first repetition, of which there are two. */
const softly = 'soft,timeo=50,retrans=2';

export function kernelHasNfs(): boolean {
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
  await mustRun('mount', ['--internal-only', '-t', 'nfs4', '-o', options, `${address}:${path}`, target], {
    timeoutMs: mountTimeoutMs,
  }).catch((error: Error) => {
    throw refused(server, error.message);
  });
}

/** Also of one that does not answer. Safe twice. */
export async function unmountNfs(target: string): Promise<void> {
  await runProgram('umount', ['--force', '--lazy', target], { timeoutMs: mountTimeoutMs });
}

async function addressOf(server: string): Promise<string> {
  const found = await lookup(server, { family: 4 }).catch(() => null);
  if (!found) throw refused(server, 'no IPv4 address was found for it');
  return found.address;
}

function refused(server: string, why: string): TaskStartError {
  return new TaskStartError('TaskFailedToStart', `The NFS server ${server} could not be used: ${why}.`);
}
