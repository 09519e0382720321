// The namespaces of a sandbox: a network namespace, kept by a file, and the user namespace that owns it, which is kept by
// that alone (ioctl_ns(2)): each sandbox has one mount less.
import { closeSync, openSync } from 'node:fs';
import { ioctlNumber } from './syscalls.js';

const getUserNamespace = 0xb701;

export interface OpenNamespaces {
  readonly network: number;
  readonly user: number;
}

/** @param net the file of the network namespace. */
export async function withNamespaces<T>(net: string, work: (namespaces: OpenNamespaces) => Promise<T>): Promise<T> {
  const network = openSync(net, 'r');
  try {
    const user = ioctlNumber(network, getUserNamespace, net);
    try {
      return await work({ network, user });
    } finally {
      closeSync(user);
    }
  } finally {
    closeSync(network);
  }
}

/** A path under which others may open one of this process' descriptors, for as long as it is open here. */
export function pathOfDescriptor(fd: number): string {
  return `/proc/${process.pid}/fd/${fd}`;
}
