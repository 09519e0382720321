// Which addresses the host may mount an NFS directory from. It is the host that connects, not the task: what is closed to
// tasks by their firewall has to be closed here as well. Pure.
import { forbiddenServer, isWithin, type NetworkState, parseIpv4 } from '@berth/contract';

export interface Surroundings {
  /** The host's own addresses. */
  readonly own: readonly string[];
  /** Of this host's tasks. */
  readonly subnet: string;
  /** What the control plane said last; null: nothing yet. */
  readonly network: Pick<NetworkState, 'taskNetwork' | 'guarded' | 'hosts'> | null;
}

const nfsPort = 2049;

/** @returns why not, in words for the task's owner, or null. */
export function serverFault(address: string, { own, subnet, network }: Surroundings): string | null {
  const forbidden = forbiddenServer(address);
  if (forbidden !== null) return `${address} is ${forbidden}`;
  if (own.includes(address)) return `${address} is the host itself`;
  const taskNetworks = [subnet, network?.taskNetwork ?? null, ...(network?.hosts ?? []).map((host) => host.subnet)];
  if (taskNetworks.some((cidr) => cidr !== null && isIn(address, cidr)))
    return `${address} is a task’s: tasks mount nothing from each other`;
  if ((network?.hosts ?? []).some(({ underlay }) => underlay === address)) return `${address} is a host of the platform`;
  const guarded = (network?.guarded ?? []).some(({ cidr, port }) => (port ?? nfsPort) === nfsPort && isIn(address, cidr));
  return guarded ? `${address} is the platform’s own` : null;
}

/** What mount(8) says of a mount that failed, in words for the task's owner: without the host's paths. */
export function mountFault(said: string, path: string): string {
  if (/special device .* does not exist/.test(said)) return `it has no ${path}`;
  if (/permission denied|cannot mount .* read-only/i.test(said)) return `it does not let this host mount ${path}`;
  const reason = /system call failed: (.+?)\.?$/m.exec(said)?.[1];
  return reason === undefined ? `${path} could not be mounted` : `${path} could not be mounted (${reason})`;
}

function isIn(address: string, cidr: string): boolean {
  const [base = '', length = '32'] = cidr.split('/');
  const [number, network] = [parseIpv4(address), parseIpv4(base)];
  // What can't be compared is not let through.
  return number === null || network === null || isWithin(number, [network, Number(length)]);
}
