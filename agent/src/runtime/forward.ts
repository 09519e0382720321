// Connections to a task's own ports. The socket is made in the task's network namespace and connects to its loopback,
// which is nobody else's: services that listen on 127.0.0.1 only are reached, and the host's own are not.
import { once } from 'node:events';
import { Socket } from 'node:net';
import { type Duplex } from 'node:stream';
import { InsideError, type InsideHost } from './inside.js';
import { readRecord, type SandboxRecord } from './records.js';
import { inNetworkNamespace, streamSocket } from './syscalls.js';

const connectWithinMs = 10_000;

/** @throws InsideError port_closed, container_not_running when the task has no network (any more). */
export async function connectInside(host: InsideHost, taskId: string, port: number): Promise<Duplex> {
  const sandbox = readRecord<SandboxRecord>(host.paths.task(taskId).sandbox);
  if (!sandbox) throw new InsideError('container_not_running', { container: 'of this task' });
  const fd = inNetworkNamespace(host.paths.slot(sandbox.slot).net, streamSocket);
  // Not to be read before it is connected.
  const socket = new Socket({ fd, allowHalfOpen: true, manualStart: true } as ConstructorParameters<typeof Socket>[0]);
  try {
    socket.connect({ host: '127.0.0.1', port });
    await once(socket, 'connect', { signal: AbortSignal.timeout(connectWithinMs) });
  } catch {
    socket.destroy();
    throw new InsideError('port_closed', { port: String(port) });
  }
  socket.setNoDelay(true);
  return socket;
}
