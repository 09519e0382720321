// Connections to a task's own ports. The socket is made in the task's network namespace and connects to its loopback,
// which is nobody else's: services that listen on 127.0.0.1 only are reached, and the host's own are not. A sandbox has its
// loopback in its own kernel: there the connection goes to the task's address, as a neighbour's would.
import { once } from 'node:events';
import { Socket } from 'node:net';
import { type Duplex } from 'node:stream';
import { InsideError, type InsideHost } from './inside.js';
import { containersOf, readRecord, type SandboxRecord, type StartRecord } from './records.js';
import { inNetworkNamespace, streamSocket } from './syscalls.js';

const connectWithinMs = 10_000;

/** @throws InsideError port_closed, container_not_running when the task has no network (any more). */
export async function connectInside(host: InsideHost, taskId: string, port: number): Promise<Duplex> {
  const sandbox = readRecord<SandboxRecord>(host.paths.task(taskId).sandbox);
  if (!sandbox) throw new InsideError('container_not_running', { container: 'of this task' });
  const { socket, address } = hasOwnLoopback(host, taskId)
    ? { socket: new Socket({ allowHalfOpen: true }), address: sandbox.address }
    : { socket: socketOf(inNetworkNamespace(host.paths.slot(sandbox.slot).net, streamSocket)), address: '127.0.0.1' };
  try {
    socket.connect({ host: address, port });
    await once(socket, 'connect', { signal: AbortSignal.timeout(connectWithinMs) });
  } catch {
    socket.destroy();
    throw new InsideError('port_closed', { port: String(port) });
  }
  socket.setNoDelay(true);
  return socket;
}

function hasOwnLoopback({ paths }: InsideHost, taskId: string): boolean {
  return containersOf(paths, taskId).some((name) => readRecord<StartRecord>(paths.container(taskId, name).record)?.isolation === 'sandbox');
}

/** Not to be read before it is connected. */
function socketOf(fd: number): Socket {
  return new Socket({ fd, allowHalfOpen: true, manualStart: true } as ConstructorParameters<typeof Socket>[0]);
}
