// Which ports of the host a task gets. Decides only; whether a port is free on the host is asked through `isFree`.
import type { AssignedPort, PublishedPort } from '@berth/contract';
import { publishedKey } from './nft-model.js';

export interface PortRange {
  readonly from: number;
  readonly to: number;
}

/** Below the range from which Linux takes ports for outgoing connections. */
export const dynamicPorts: PortRange = { from: 20_000, to: 29_999 };

type Protocol = AssignedPort['protocol'];
/** Whether no program of the host listens there. */
export type IsFree = (protocol: Protocol, port: number) => Promise<boolean>;

export class PortTaken extends Error {}

/**
 * A host port for each published one: the one that was asked for, else the first free one from `start` on.
 * @param taken what other tasks of this host have, as `publishedKey` writes it
 * @throws PortTaken when the one that was asked for is in use, or the range is used up
 */
export async function choosePorts(
  wanted: readonly PublishedPort[],
  taken: ReadonlySet<string>,
  range: PortRange,
  start: number,
  isFree: IsFree,
): Promise<AssignedPort[]> {
  const mine = new Set(taken);
  const chosen: AssignedPort[] = [];
  // Those that can't give way come first.
  const inOrder = [...wanted].sort((a, b) => Number(a.hostPort === undefined) - Number(b.hostPort === undefined));
  for (const { containerPort, hostPort, protocol } of inOrder) {
    const port =
      hostPort === undefined ? await freePort(protocol, mine, range, start, isFree) : await fixedPort(protocol, hostPort, mine, isFree);
    mine.add(publishedKey({ protocol, hostPort: port }));
    chosen.push({ containerPort, hostPort: port, protocol });
  }
  return chosen;
}

async function fixedPort(protocol: Protocol, hostPort: number, taken: ReadonlySet<string>, isFree: IsFree): Promise<number> {
  if (taken.has(publishedKey({ protocol, hostPort }))) throw new PortTaken(`port ${hostPort}/${protocol} of the host is another task’s`);
  if (!(await isFree(protocol, hostPort))) throw new PortTaken(`port ${hostPort}/${protocol} is in use by the host itself`);
  return hostPort;
}

async function freePort(
  protocol: Protocol,
  taken: ReadonlySet<string>,
  { from, to }: PortRange,
  start: number,
  isFree: IsFree,
): Promise<number> {
  const size = to - from + 1;
  for (let tried = 0; tried < size; tried++) {
    const hostPort = from + ((start + tried) % size);
    if (!taken.has(publishedKey({ protocol, hostPort })) && (await isFree(protocol, hostPort))) return hostPort;
  }
  throw new PortTaken(`every ${protocol} port from ${from} to ${to} of the host is in use`);
}
