// Starts programs by posix_spawn(3) and takes back their exit codes. Node's own spawn forks, which with a heap like the
// agent's costs 10 ms of CPU time where this costs 0.3, and it reaps only what it has started itself.
import { closeSync, readFileSync, writeSync } from 'node:fs';
import koffi from 'koffi';
import { SyscallError } from './syscalls.js';

const libc = koffi.load('libc.so.6');
const spawnCall = libc.func(
  'int posix_spawnp(_Out_ int *pid, const char *file, void *actions, void *attributes, const char **argv, const char **envp)',
);
const actionsInit = libc.func('int posix_spawn_file_actions_init(void *actions)');
const actionsDup2 = libc.func('int posix_spawn_file_actions_adddup2(void *actions, int from, int to)');
const actionsDestroy = libc.func('int posix_spawn_file_actions_destroy(void *actions)');
const attributesInit = libc.func('int posix_spawnattr_init(void *attributes)');
const attributesFlags = libc.func('int posix_spawnattr_setflags(void *attributes, short flags)');
const attributesSignals = libc.func('int posix_spawnattr_setsigdefault(void *attributes, void *set)');
const attributesMask = libc.func('int posix_spawnattr_setsigmask(void *attributes, void *set)');
const attributesDestroy = libc.func('int posix_spawnattr_destroy(void *attributes)');
const fillSignals = libc.func('int sigfillset(void *set)');
const waitCall = libc.func('int waitpid(int pid, _Out_ int *status, int options)');
const pipeCall = libc.func('int pipe2(_Out_ int *ends, int flags)');
const controlCall = libc.func('int prctl(int option, ulong a, ulong b, ulong c, ulong d)');
const memoryFileCall = libc.func('int memfd_create(const char *name, uint flags)');
const fcntlCall = libc.func('int fcntl(int fd, int command, int argument)');
const ioctlCall = libc.func('int ioctl(int fd, ulong request, int argument)');
koffi.struct('iovec', { base: 'void *', len: 'size_t' });
koffi.struct('msghdr', {
  name: 'void *',
  namelen: 'uint32',
  iov: 'iovec *',
  iovlen: 'size_t',
  control: 'void *',
  controllen: 'size_t',
  flags: 'int',
});
const receiveCall = libc.func('long recvmsg(int fd, msghdr *message, int flags)');

/** More than any libc needs for its opaque structures. */
const structureBytes = 1024;
const setSignalDefaults = 0x04;
const setSignalMask = 0x08;
const setSession = 0x80;

export interface Stdio {
  readonly stdin: number;
  readonly stdout: number;
  readonly stderr: number;
}

/**
 * Starts `path`, or the program of this name in this process' own PATH, in a session of its own, with default signals
 * and nothing open but `stdio`: this process opens everything else close-on-exec. It is to be taken back by `waitAny` or
 * `waitFor`. @throws SyscallError.
 */
export function spawnProgram(
  path: string,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  stdio: Stdio,
): number {
  const [actions, attributes, signals] = [0, 0, 0].map(() => Buffer.alloc(structureBytes)) as [Buffer, Buffer, Buffer];
  actionsInit(actions);
  attributesInit(attributes);
  try {
    for (const [to, from] of [stdio.stdin, stdio.stdout, stdio.stderr].entries()) actionsDup2(actions, from, to);
    attributesMask(attributes, signals);
    fillSignals(signals);
    attributesSignals(attributes, signals);
    attributesFlags(attributes, setSignalDefaults | setSignalMask | setSession);
    const pid: [number] = [0];
    const variables = Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : `${name}=${value}`));
    const errno = spawnCall(pid, path, actions, attributes, [...args, null], [...variables, null]);
    if (errno !== 0) throw new SyscallError('posix_spawnp', errno, path);
    return pid[0];
  } finally {
    actionsDestroy(actions);
    attributesDestroy(attributes);
  }
}

/** A child that has ended, as a shell would tell its exit code: 128 + n when signal n ended it. Null if none has. */
export function waitAny(): { readonly pid: number; readonly exitCode: number } | null {
  const withoutWaiting = 1;
  const status: [number] = [0];
  const pid = waitCall(-1, status, withoutWaiting);
  if (pid <= 0) return null;
  const signal = status[0] & 0x7f;
  return { pid, exitCode: signal === 0 ? (status[0] >> 8) & 0xff : 128 + signal };
}

/** How this child ended, without a code if a signal ended it; null as long as it runs. */
export function waitFor(pid: number): { readonly code: number | null } | null {
  const withoutWaiting = 1;
  const status: [number] = [0];
  if (waitCall(pid, status, withoutWaiting) === 0) return null;
  return { code: (status[0] & 0x7f) === 0 ? (status[0] >> 8) & 0xff : null };
}

/** Both ends of a new pipe. @throws SyscallError. */
export function makePipe(): { readonly readEnd: number; readonly writeEnd: number } {
  const closeOnExec = 0o2000000;
  const ends: [number, number] = [0, 0];
  check('pipe2', pipeCall(ends, closeOnExec), '');
  return { readEnd: ends[0], writeEnd: ends[1] };
}

/** Another descriptor of the same open file, closed on exec. The caller closes it. @throws SyscallError. */
export function duplicate(fd: number): number {
  const duplicateCloseOnExec = 1030;
  return check('fcntl', fcntlCall(fd, duplicateCloseOnExec, 0), `descriptor ${fd}`);
}

/** The other side of the terminal `master`, in whatever devpts that is (ioctl_tty(2)). The caller closes it. @throws SyscallError. */
export function terminalPeer(master: number): number {
  const getPeer = 0x5441;
  const readWriteNoTerminalOfOursCloseOnExec = 2 | 0o400 | 0o2000000;
  return check('ioctl', ioctlCall(master, getPeer, readWriteNoTerminalOfOursCloseOnExec), 'TIOCGPTPEER');
}

/** Descendants whose parent ends become children of this process, in place of the host's init. */
export function becomeSubreaper(): void {
  const setChildSubreaper = 36;
  check('prctl', controlCall(setChildSubreaper, 1, 0, 0, 0), 'PR_SET_CHILD_SUBREAPER');
}

/**
 * A copy of a program in memory that nobody can change any more, to be started by its path in /proc/self/fd. crun makes
 * such a copy of itself each time it is started from a file (CVE-2019-5736), which is a third of its work.
 */
export function sealedCopy(program: string): number {
  const closeOnExecAndSealable = 1 | 2;
  const addSeals = 1033;
  const allSeals = 1 | 2 | 4 | 8;
  const fd = check('memfd_create', memoryFileCall('berth-program', closeOnExecAndSealable), program);
  try {
    const content = readFileSync(program);
    for (let written = 0; written < content.length; ) written += writeSync(fd, content, written);
    check('fcntl', fcntlCall(fd, addSeals, allSeals), program);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** A descriptor that was sent over the socket `fd`, or null if none has come yet. */
export function receiveDescriptor(fd: number): number | null {
  const closeOnExecWithoutWaiting = 0x40000000 | 0x40;
  const controlBytes = 24;
  const dataAt = 16;
  const control = Buffer.alloc(controlBytes);
  const data = Buffer.alloc(1024);
  const header = {
    name: null,
    namelen: 0,
    iov: [{ base: data, len: data.length }],
    iovlen: 1,
    control,
    controllen: controlBytes,
    flags: 0,
  };
  if (receiveCall(fd, header, closeOnExecWithoutWaiting) < 0) return null;
  const descriptor = control.readInt32LE(dataAt);
  return control.readBigUInt64LE() === 0n ? null : descriptor;
}

function check(call: string, result: number, detail: string): number {
  if (result < 0) throw new SyscallError(call, koffi.errno(), detail);
  return result;
}
