// The user namespace of a sandbox. It is kept by the network namespace that it owns (ioctl_ns(2)), so that each sandbox
// has one mount less: crun copies and reads all mounts of its host for each container that it makes.
import { closeSync, openSync } from 'node:fs';
import { ioctlNumber } from './syscalls.js';

const getUserNamespace = 0xb701;

/** The one that owns the network namespace of the file `net`. The caller closes it. */
export function openUserNamespace(net: string): number {
  const fd = openSync(net, 'r');
  try {
    return ioctlNumber(fd, getUserNamespace, net);
  } finally {
    closeSync(fd);
  }
}

/** For as long as `work` runs, which must be synchronous. */
export function withUserNamespace<T>(net: string, work: (fd: number) => T): T {
  const fd = openUserNamespace(net);
  try {
    return work(fd);
  } finally {
    closeSync(fd);
  }
}
