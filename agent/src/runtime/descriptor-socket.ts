// A socket on which another program hands over one open descriptor (SCM_RIGHTS), which Node can't take by itself. Nothing
// here waits: whoever wants the descriptor looks again.
import { closeSync, rmSync } from 'node:fs';
import koffi from 'koffi';
import { SyscallError } from './syscalls.js';

const libc = koffi.load('libc.so.6');
const socketCall = libc.func('socket', 'int', ['int', 'int', 'int']);
const bindCall = libc.func('bind', 'int', ['int', 'void *', 'uint']);
const listenCall = libc.func('listen', 'int', ['int', 'int']);
const acceptCall = libc.func('accept4', 'int', ['int', 'void *', 'void *', 'int']);
const vector = koffi.struct({ base: 'void *', length: 'size_t' });
const header = koffi.struct({
  name: 'void *',
  nameLength: 'uint32',
  vectors: koffi.pointer(vector),
  vectorCount: 'size_t',
  control: 'void *',
  controlLength: 'size_t',
  flags: 'int',
});
const receiveCall = libc.func('recvmsg', 'long', ['int', koffi.inout(koffi.pointer(header)), 'int']);

const unix = 1;
const stream = 1;
const nonBlock = 0o4000;
const closeOnExec = 0o2000000;
const receiveFlags = 0x40 | 0x40000000;
const longestPath = 107;
/** struct cmsghdr: a length of 8 bytes, level, type; then the descriptor. */
const controlBytes = 24;
const rights = { level: 1, type: 1 } as const;

export interface DescriptorSocket {
  /** The descriptor, if it has come: the caller closes it. At most one is taken. */
  receive(): number | null;
  /** Safe twice. */
  close(): void;
}

export function descriptorSocket(path: string): DescriptorSocket {
  const bytes = Buffer.from(path);
  if (bytes.length > longestPath) throw new Error(`${path} is too long for a socket`);
  rmSync(path, { force: true });
  const listening = check('socket', socketCall(unix, stream | nonBlock | closeOnExec, 0), path);
  const open = new Set([listening]);
  let accepted: number | null = null;
  const close = () => {
    for (const fd of open) closeSync(fd);
    open.clear();
  };
  try {
    const address = Buffer.alloc(110);
    address.writeUInt16LE(unix, 0);
    bytes.copy(address, 2);
    check('bind', bindCall(listening, address, address.length), path);
    check('listen', listenCall(listening, 1), path);
  } catch (error) {
    close();
    throw error;
  }
  return {
    receive: () => {
      if (accepted === null) {
        const fd = acceptCall(listening, null, null, nonBlock | closeOnExec) as number;
        if (fd < 0) return null;
        accepted = fd;
        open.add(fd);
      }
      return receiveOn(accepted);
    },
    close,
  };
}

function receiveOn(fd: number): number | null {
  const data = Buffer.alloc(256);
  const control = Buffer.alloc(controlBytes);
  const message = {
    name: null,
    nameLength: 0,
    vectors: { base: data, length: data.length },
    vectorCount: 1,
    control,
    controlLength: controlBytes,
    flags: 0,
  };
  if (Number(receiveCall(fd, message, receiveFlags)) <= 0 || Number(message.controlLength) < controlBytes - 4) return null;
  const isRights = control.readInt32LE(8) === rights.level && control.readInt32LE(12) === rights.type;
  return isRights ? control.readInt32LE(16) : null;
}

function check(call: string, result: number, detail: string): number {
  if (result < 0) throw new SyscallError(call, koffi.errno(), detail);
  return result;
}
