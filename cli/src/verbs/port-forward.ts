import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { channels } from '@berth/contract';
import type { Command } from 'commander';
import { type Api, connect } from '../client.js';
import { currentContext } from '../config.js';
import { describeFailure, Failure } from '../failure.js';
import { type PortPair, parsePortPair } from '../port-pair.js';
import { getTask, taskIdOf } from '../tasks.js';
import { note, print } from '../terminal.js';
import { addVerb, type CommonOptions } from '../verb.js';

interface Options extends CommonOptions {
  readonly address: string;
}

export function addPortForward(program: Command): void {
  addVerb(program, 'port-forward <task> <ports...>', 'Reach ports of a task from here, also those that only the task itself can reach', [
    ['berth port-forward web 8080', 'http://127.0.0.1:8080 is the task’s port 8080'],
    ['berth port-forward db 15432:5432 :9187', '15432 here, and for 9187 any that is free'],
  ])
    .option('--address <address>', 'where to listen', '127.0.0.1')
    .action(portForward);
}

async function portForward(name: string, ports: string[], { context, address }: Options): Promise<void> {
  const pairs = ports.map(parsePortPair);
  const api = connect(currentContext(context));
  const id = await taskIdOf(api, name);
  const { state } = await getTask(api, id);
  if (state !== 'running') throw new Failure(`The task is ${state}, not running.`, { hint: '"berth inspect" shows why.' });
  const servers = await Promise.all(pairs.map((pair) => listen(api, id, address, pair)));
  for (const [index, server] of servers.entries())
    await print(`${address}:${(server.address() as AddressInfo).port} -> ${pairs[index]?.remote}`);
  await Promise.all(servers.map((server) => once(server, 'close')));
}

async function listen(api: Api, id: string, address: string, { local, remote }: PortPair): Promise<Server> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    forward(api, id, remote, socket).catch((error: unknown) => {
      for (const line of describeFailure(error).lines) note(line);
      socket.destroy();
    });
  });
  server.listen(local, address);
  await once(server, 'listening').catch((error: Error) => {
    throw new Failure(`${address}:${local} cannot be listened on: ${error.message}.`, {
      hint: 'Choose another port here, or :PORT for any.',
    });
  });
  return server;
}

/** Of one connection. @throws Failure */
async function forward(api: Api, id: string, port: number, socket: Socket): Promise<void> {
  socket.on('error', () => socket.destroy());
  const connection = await api.socket(`/v1/tasks/${id}/forward?port=${port}`);
  socket.once('close', () => connection.close());
  if (socket.destroyed) connection.close();
  connection.receive(async (channel, data) => {
    if (channel !== channels.stdout) return;
    if (!data) socket.end();
    else if (!socket.write(data) && !socket.destroyed) await drained(socket);
  });
  void (async () => {
    for await (const chunk of socket as AsyncIterable<Buffer>) await connection.write(chunk);
    connection.endInput();
  })().catch(() => connection.close());
  const status = await connection.ended;
  if (status && 'error' in status) throw new Failure(status.error.message);
  if (!status) socket.destroy();
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('drain', resolve);
    socket.once('close', resolve);
  });
}
