// A terminal for one session. crun makes it inside the container, in its own devpts, and hands us the other end over a
// socket: nothing stands between the program and us that could lose its last words. runsc makes none for a session: a
// sandbox gets one of the host's.
import { closeSync, constants, openSync, rmSync } from 'node:fs';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DescriptorSocket, descriptorSocket } from './descriptor-socket.js';
import type { TerminalSize } from './exec-spec.js';
import { ioctl } from './syscalls.js';
import { readTerminal } from './terminal-reader.js';

/** asm-generic/ioctls.h: TIOCSWINSZ, TIOCGPTN, TIOCSPTLCK. */
const [setSize, numberOf, setLock] = [0x5414, 0x80045430, 0x40045431];
const lookEveryMs = 5;

export interface Terminal {
  readonly input: Writable;
  /** Ends when nobody has the other side open any more. */
  readonly output: Readable;
  resize(size: TerminalSize): void;
  close(): void;
}

export interface TerminalOffer {
  /** For crun's `--console-socket`. */
  readonly path: string;
  /** Resolves when crun has handed the terminal over; rejects when `ended` comes first. */
  take(ended: Promise<unknown>): Promise<Terminal>;
  close(): void;
}

/** @param path of a socket, at most 107 bytes. */
export function offerTerminal(path: string): TerminalOffer {
  const socket = descriptorSocket(path);
  const close = () => {
    socket.close();
    rmSync(path, { force: true });
  };
  return {
    path,
    take: async (ended) => {
      try {
        return terminalOn(await received(socket, ended));
      } finally {
        close();
      }
    },
    close,
  };
}

/** One of the host's, and its other side, which the caller closes when the program has it. */
export function hostTerminal(size: TerminalSize): { terminal: Terminal; otherSide: number } {
  const notOurs = constants.O_RDWR | constants.O_NOCTTY;
  const master = openSync('/dev/ptmx', notOurs);
  try {
    const number = Buffer.alloc(4);
    ioctl(master, setLock, number, 'lock of a terminal');
    ioctl(master, numberOf, number, 'number of a terminal');
    const otherSide = openSync(`/dev/pts/${number.readUInt32LE(0)}`, notOurs);
    ioctl(master, setSize, sizeStructure(size), 'size of a terminal');
    return { terminal: terminalOn(master), otherSide };
  } catch (error) {
    closeSync(master);
    throw error;
  }
}

async function received(socket: DescriptorSocket, ended: Promise<unknown>): Promise<number> {
  let over = false;
  void ended.then(() => {
    over = true;
  });
  for (;;) {
    const wasOver = over;
    const fd = socket.receive();
    if (fd !== null) return fd;
    if (wasOver) throw new Error('crun made no terminal');
    await sleep(lookEveryMs);
  }
}

function terminalOn(master: number): Terminal {
  const output = new PassThrough();
  const { socket, ended } = readTerminal(master, (data) => output.write(data));
  output.on('drain', () => socket.resume());
  void ended.then(() => output.end());
  return {
    input: socket as unknown as Writable,
    output,
    resize: (size) => {
      if (!socket.destroyed) ioctl(master, setSize, sizeStructure(size), 'size of a terminal');
    },
    close: () => socket.destroy(),
  };
}

/** struct winsize. */
function sizeStructure({ columns, rows }: TerminalSize): Buffer {
  const size = Buffer.alloc(8);
  size.writeUInt16LE(rows, 0);
  size.writeUInt16LE(columns, 2);
  return size;
}
