// A terminal for one session. crun makes the one that the program sees, in the container's own devpts, and passes bytes
// between it and ours, which is raw and only there because crun wants a terminal on its side, too.
import { closeSync, constants, fstatSync, openSync, readlinkSync } from 'node:fs';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { ReadStream } from 'node:tty';
import type { TerminalSize } from './inside.js';
import { ioctl } from './syscalls.js';

// asm-generic/ioctls.h
const requests = { unlock: 0x40045431, number: 0x80045430, getAttributes: 0x5401, setAttributes: 0x5402, setSize: 0x5414 } as const;
const openFlags = constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK;
/** The kernel's numbers for terminals below /dev/pts: 136 to 143. */
const firstMajor = 136;
const lastMajor = 143;

export interface Terminal {
  /** For the child's standard streams. The caller closes it once the child has it. */
  readonly slave: number;
  readonly input: Writable;
  /** Ends when nobody has the other side open any more. */
  readonly output: Readable;
  close(): void;
}

export function openTerminal(size: TerminalSize): Terminal {
  const master = openSync('/dev/ptmx', constants.O_RDWR | constants.O_NOCTTY);
  try {
    ioctl(master, requests.unlock, Buffer.alloc(4), 'unlock a terminal');
    const number = Buffer.alloc(4);
    ioctl(master, requests.number, number, 'number of a terminal');
    const slave = openSync(`/dev/pts/${number.readUInt32LE(0)}`, constants.O_RDWR | constants.O_NOCTTY);
    makeRaw(slave);
    // crun gives the inner terminal the size of this one at the start.
    ioctl(slave, requests.setSize, sizeStructure(size), 'size of a terminal');
    return { slave, ...streamsOf(master) };
  } catch (error) {
    closeSync(master);
    throw error;
  }
}

function streamsOf(master: number): Omit<Terminal, 'slave'> {
  const socket = new ReadStream(master);
  const output = new PassThrough();
  socket.pipe(output);
  // EIO is how the kernel says that the other side is closed.
  socket.on('error', () => output.end());
  socket.on('close', () => output.end());
  return { input: socket as unknown as Writable, output, close: () => socket.destroy() };
}

/** As cfmakeraw(3), on the kernel's own struct termios. */
function makeRaw(fd: number): void {
  const attributes = Buffer.alloc(64);
  ioctl(fd, requests.getAttributes, attributes, 'attributes of a terminal');
  const clear = (offset: number, bits: number) => attributes.writeUInt32LE((attributes.readUInt32LE(offset) & ~bits) >>> 0, offset);
  const input = 0o1 | 0o2 | 0o10 | 0o40 | 0o100 | 0o200 | 0o400 | 0o2000;
  const post = 0o1;
  const local = 0o1 | 0o2 | 0o10 | 0o100 | 0o100000;
  clear(0, input);
  clear(4, post);
  clear(12, local);
  ioctl(fd, requests.setAttributes, attributes, 'attributes of a terminal');
}

/** Sets the size of the terminal that a process has as its standard input, which crun does only at the start. */
export function resizeTerminalOf(pid: number, size: TerminalSize): void {
  const path = `/proc/${pid}/fd/0`;
  let fd: number;
  try {
    if (!readlinkSync(path).startsWith('/dev/pts/')) return;
    fd = openSync(path, openFlags);
  } catch {
    return;
  }
  try {
    if (isTerminal(fd)) ioctl(fd, requests.setSize, sizeStructure(size), 'size of a terminal');
  } finally {
    closeSync(fd);
  }
}

/** The process may have put something else there meanwhile. */
function isTerminal(fd: number): boolean {
  const found = fstatSync(fd);
  const major = (found.rdev >> 8) & 0xfff;
  return found.isCharacterDevice() && major >= firstMajor && major <= lastMajor;
}

/** struct winsize. */
function sizeStructure({ columns, rows }: TerminalSize): Buffer {
  const size = Buffer.alloc(8);
  size.writeUInt16LE(rows, 0);
  size.writeUInt16LE(columns, 2);
  return size;
}
