// Reads our side of a terminal to its very end. libuv takes a terminal for ended as soon as its other side is closed and one
// read was short, as reads of terminals are: what the program wrote last would be lost. It is read here, from a descriptor
// of our own. Nor is anything kept in Node's buffer, which goes with an error.
import { closeSync, readSync } from 'node:fs';
import { ReadStream } from 'node:tty';
import { duplicate } from './spawn.js';

const readBytes = 64 * 1024;

export interface TerminalReader {
  /** For writing, and to be destroyed by whoever needs it no more. */
  readonly socket: ReadStream;
  /** Resolves when everything was taken and the other side is closed, or the socket was destroyed. */
  readonly ended: Promise<void>;
}

/** @param take false: nothing more for now, until `socket.resume()`; what is left at the end comes all the same. */
export function readTerminal(master: number, take: (data: Buffer) => boolean): TerminalReader {
  const rest = duplicate(master);
  const callback = (bytes: number, buffer: Buffer) => take(Buffer.from(buffer.subarray(0, bytes)));
  const socket = new ReadStream(master, { onread: { buffer: Buffer.allocUnsafe(readBytes), callback } } as object);
  // EIO is how the kernel says that the other side is closed and everything was read.
  socket.on('error', () => {});
  const ended = new Promise<void>((resolve) => {
    socket.once('close', () => {
      takeRest(rest, take);
      resolve();
    });
  });
  socket.resume();
  return { socket, ended };
}

function takeRest(fd: number, take: (data: Buffer) => boolean): void {
  const buffer = Buffer.allocUnsafe(readBytes);
  try {
    for (let bytes = readSync(fd, buffer); bytes > 0; bytes = readSync(fd, buffer)) take(Buffer.from(buffer.subarray(0, bytes)));
  } catch {
    // EIO: that was all. EAGAIN: the other side is open still, and it is we who have ended.
  } finally {
    closeSync(fd);
  }
}
