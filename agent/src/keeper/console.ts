// Receives a container's terminal: crun makes it inside of the container and sends its other end over a socket.
import { rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { receiveDescriptor } from '../runtime/spawn.js';

const tries = 500;
const pauseMs = 2;
const listenMs = 60_000;

/** @param take is given the descriptor once, or never if none comes. */
export function receiveConsole(path: string, take: (fd: number) => void): void {
  rmSync(path, { force: true });
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    server.close();
    void descriptorFrom(socket).then((fd) => {
      socket.destroy();
      if (fd !== null) take(fd);
    });
  });
  const timer = setTimeout(() => server.close(), listenMs);
  server.once('close', () => clearTimeout(timer));
  server.listen(path);
}

/** Node reads bytes from a socket, not descriptors: it is asked for its own and read from by recvmsg(2). */
async function descriptorFrom(socket: Socket): Promise<number | null> {
  socket.on('error', () => {});
  const { fd } = (socket as unknown as { _handle: { fd: number } })._handle;
  for (let tried = 0; tried < tries; tried++) {
    const received = receiveDescriptor(fd);
    if (received !== null) return received;
    await sleep(pauseMs);
  }
  return null;
}
