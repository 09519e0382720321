// The only file that calls the kernel directly (through koffi). A /bin/mount costs 27–55 ms where mount(2) takes 0.2.
// Wrappers of newer calls use syscall(2) and its number, the same on every architecture, since older libcs lack them.
import { closeSync, openSync } from 'node:fs';
import koffi from 'koffi';
import { limiter } from './limiter.js';

const libc = koffi.load('libc.so.6');
const mountCall = libc.func('mount', 'int', ['str', 'str', 'str', 'ulong', 'str']);
const umountCall = libc.func('umount2', 'int', ['str', 'int']);
const openTreeCall = libc.func('syscall', 'long', ['long', 'int', 'str', 'uint']);
const moveMountCall = libc.func('syscall', 'long', ['long', 'int', 'str', 'int', 'str', 'uint']);
const mountSetattrCall = libc.func('syscall', 'long', ['long', 'int', 'str', 'uint', 'void *', 'size_t']);
const openat2Call = libc.func('syscall', 'long', ['long', 'int', 'str', 'void *', 'size_t']);
const setnsCall = libc.func('setns', 'int', ['int', 'int']);
const socketCall = libc.func('socket', 'int', ['int', 'int', 'int']);
const ioctlCall = libc.func('ioctl', 'int', ['int', 'ulong', 'void *']);
const lseekCall = libc.func('lseek', 'int64', ['int', 'int64', 'int']);
const pidfdOpenCall = libc.func('syscall', 'long', ['long', 'int', 'uint']);
const pidfdSignalCall = libc.func('syscall', 'long', ['long', 'int', 'int', 'void *', 'uint']);

const numbers = { pidfdSendSignal: 424, openTree: 428, moveMount: 429, pidfdOpen: 434, openat2: 437, mountSetattr: 442 };
const errnoNames = new Map(Object.entries(koffi.os.errno).map(([name, value]) => [value, name]));

const openTries = 1000;
/** koffi refuses more than 256 calls aside; fewer share the threads that files are read and synced by. */
const unmountsAside = limiter(8);
const atFdCwd = -100;
const atEmptyPath = 0x1000;
const closeOnExec = 0o2000000;

export const mountFlags = {
  readOnly: 1,
  noSuid: 2,
  noDev: 4,
  noExec: 8,
  noAtime: 1024,
  remount: 32,
  bind: 4096,
  recursive: 16384,
  private: 1 << 18,
  shared: 1 << 20,
} as const;

/** A failed system call: `code` is the errno's name, as in Node's own errors. */
export class SyscallError extends Error {
  readonly code: string;

  constructor(call: string, errno: number, detail: string) {
    const code = errnoNames.get(errno) ?? `errno ${errno}`;
    super(`${call} failed with ${code}: ${detail}`);
    this.name = 'SyscallError';
    this.code = code;
  }
}

function check(call: string, result: number, detail: string): number {
  if (result < 0) throw new SyscallError(call, koffi.errno(), detail);
  return result;
}

/** mount(2). `options` is at most a page (4,096 bytes); the kernel refuses more. */
export function mount(source: string, target: string, type: string, flags: number, options = ''): void {
  check('mount', mountCall(source, target, type, flags, options), `${type || 'bind'} ${source} on ${target}`);
}

/** Takes the mount off `target` at once; open files keep it alive until closed. False if nothing is mounted there. */
export function unmount(target: string): boolean {
  const detach = 2;
  const noFollow = 8;
  if (umountCall(target, detach | noFollow) === 0) return true;
  const error = new SyscallError('umount', koffi.errno(), target);
  if (error.code === 'EINVAL' || error.code === 'ENOENT') return false;
  throw error;
}

/**
 * As `unmount`, on a thread beside: the kernel lets its caller wait for all processors, which this thread would sleep
 * through with everything else that it has to do.
 */
export async function unmountAside(target: string): Promise<boolean> {
  const detachNoFollow = 2 | 8;
  const call = () =>
    new Promise<number>((resolve, reject) => {
      umountCall.async(target, detachNoFollow, (error: Error | null, value: number) => (error ? reject(error) : resolve(value)));
    });
  const result = await unmountsAside(call);
  // The error's number belongs to that thread: asked again here, the kernel says the same.
  return result === 0 || unmount(target);
}

/**
 * Mounts `source` (a directory) once more at `target`, with ids shifted as the user namespace open as `userNamespaceFd`
 * maps them. Needs Linux 5.12; below an overlay 5.19.
 */
export function mountIdmapped(
  source: string,
  target: string,
  userNamespaceFd: number,
  close: (fd: number) => void,
  { readOnly = false }: { readonly readOnly?: boolean } = {},
): void {
  const openTreeClone = 1;
  const tree = check('open_tree', openTreeCall(numbers.openTree, atFdCwd, source, openTreeClone | closeOnExec), source);
  try {
    const idmap = 0x100000n;
    const restrictions = 0x2n | 0x4n | (readOnly ? 0x1n : 0n);
    const attributes = Buffer.alloc(32);
    attributes.writeBigUInt64LE(idmap | restrictions, 0);
    attributes.writeBigUInt64LE(BigInt(userNamespaceFd), 24);
    check('mount_setattr', mountSetattrCall(numbers.mountSetattr, tree, '', atEmptyPath, attributes, attributes.length), source);
    const fromEmptyPath = 4;
    check('move_mount', moveMountCall(numbers.moveMount, tree, '', atFdCwd, target, fromEmptyPath), target);
  } finally {
    close(tree);
  }
}

/**
 * Opens `path` for reading as if the directory open as `rootFd` were the root: neither symbolic links nor ".." lead out
 * of it. Does not wait for a writer if it is a FIFO. @returns a descriptor, or null if there is no such file.
 */
export function openInRoot(rootFd: number, path: string): number | null {
  const nonBlock = 0o4000;
  const noMagicLinks = 0x02n;
  const inRoot = 0x10n;
  const how = Buffer.alloc(24);
  how.writeBigUInt64LE(BigInt(closeOnExec | nonBlock), 0);
  how.writeBigUInt64LE(inRoot | noMagicLinks, 16);
  let fd = openat2Call(numbers.openat2, rootFd, path, how, how.length);
  // Where a path has `..` in it, whatever is mounted or renamed anywhere at that moment makes the kernel give up (openat2(2)).
  for (let tries = 1; fd < 0 && koffi.errno() === koffi.os.errno.EAGAIN && tries < openTries; tries++) {
    fd = openat2Call(numbers.openat2, rootFd, path, how, how.length);
  }
  if (fd >= 0) return fd;
  const error = new SyscallError('openat2', koffi.errno(), path);
  if (['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO'].includes(error.code)) return null;
  throw error;
}

/**
 * Runs `work` with this thread in the network namespace that the file `namespace` names, and comes back. `work` must be
 * synchronous. If there is no way back the process ends: everything it did from then on would happen in a tenant's network.
 */
export function inNetworkNamespace<T>(namespace: string, work: () => T): T {
  const newNet = 0x40000000;
  const own = openSync('/proc/thread-self/ns/net', 'r');
  try {
    const inside = openSync(namespace, 'r');
    try {
      check('setns', setnsCall(inside, newNet), namespace);
    } finally {
      closeSync(inside);
    }
    try {
      return work();
    } finally {
      if (setnsCall(own, newNet) !== 0) process.abort();
    }
  } finally {
    closeSync(own);
  }
}

/** An IPv4 datagram socket: what ioctl(2) needs to talk about interfaces. The caller closes it. */
export function controlSocket(): number {
  const inet = 2;
  const datagram = 2;
  return check('socket', socketCall(inet, datagram | closeOnExec, 0), 'AF_INET');
}

/** An IPv4 stream socket, which does not block, of the network namespace this thread is in. The caller closes it. */
export function streamSocket(): number {
  const inet = 2;
  const stream = 1;
  const nonBlock = 0o4000;
  return check('socket', socketCall(inet, stream | closeOnExec | nonBlock, 0), 'AF_INET');
}

/** A netlink(7) socket to what filters packets in this thread's network namespace. The caller closes it. */
export function netfilterSocket(): number {
  const netlink = 16;
  const raw = 3;
  const netfilter = 12;
  return check('socket', socketCall(netlink, raw | closeOnExec, netfilter), 'NETLINK_NETFILTER');
}

/** ioctl(2) with a structure as its argument. */
export function ioctl(fd: number, request: number, argument: Buffer, detail: string): void {
  check('ioctl', ioctlCall(fd, request, argument), detail);
}

/** ioctl(2) without an argument, whose answer is a number. */
export function ioctlNumber(fd: number, request: number, detail: string): number {
  return check('ioctl', ioctlCall(fd, request, null), detail);
}

/** The parts of a sparse file that are no holes. */
export function dataRanges(fd: number, size: number): { from: number; to: number }[] {
  const seekData = 3;
  const seekHole = 4;
  const ranges: { from: number; to: number }[] = [];
  for (let at = 0; at < size; ) {
    const from = Number(lseekCall(fd, at, seekData));
    if (from < 0) break;
    at = check('lseek', Number(lseekCall(fd, from, seekHole)), 'SEEK_HOLE');
    ranges.push({ from, to: at });
  }
  return ranges;
}

/** Ends all writing to the file system at `directory` (ext4, XFS …), and what was not written back yet is dropped. */
export function shutDownFileSystem(directory: string): void {
  const shutdown = 0x8004587d;
  const withoutFlushing = 2;
  const argument = Buffer.alloc(4);
  argument.writeUInt32LE(withoutFlushing);
  const fd = openSync(directory, 'r');
  try {
    ioctl(fd, shutdown, argument, directory);
  } finally {
    closeSync(fd);
  }
}

/** A descriptor for a process, or null if there is no such process. */
export function pidfdOpen(pid: number): number | null {
  const fd = pidfdOpenCall(numbers.pidfdOpen, pid, 0);
  if (fd >= 0) return fd;
  const error = new SyscallError('pidfd_open', koffi.errno(), `pid ${pid}`);
  if (error.code === 'ESRCH') return null;
  throw error;
}

/** @returns false if the process has ended. */
export function pidfdSignal(pidfd: number, signal: number): boolean {
  if (pidfdSignalCall(numbers.pidfdSendSignal, pidfd, signal, null, 0) === 0) return true;
  const error = new SyscallError('pidfd_send_signal', koffi.errno(), `signal ${signal}`);
  if (error.code === 'ESRCH') return false;
  throw error;
}
