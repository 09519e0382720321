// Serves what is done inside a task on a stream's socket: a session, a copy, a forwarded connection. The first message
// says which. When the socket goes, so does all that runs for it; when the task ends, so does the socket.
import { once } from 'node:events';
import type { Duplex, Writable } from 'node:stream';
import {
  type AgentStatus,
  channels,
  parseJson,
  type StreamStart,
  streamStartSchema,
  type TaskId,
  terminalSizeSchema,
} from '@berth/contract';
import type { Logger } from 'pino';
import { type ChannelSocket, sendStream, writeHeld } from './channel-socket.js';
import { type ExecSession, type Inside, InsideError } from './runtime/inside.js';

const startWithinMs = 10_000;
const detailCharacters = 300;

/** Never rejects: how it went is the last message. */
export async function serveInside(socket: ChannelSocket, inside: Inside, taskId: TaskId, log: Logger): Promise<void> {
  const first = await socket.first(startWithinMs);
  const start = first?.channel === channels.start ? parseJson(streamStartSchema, first.data) : null;
  if (start) await socket.sendJson(channels.status, await run(socket, inside, taskId, start).catch((error) => failure(error, taskId, log)));
  socket.close();
}

function failure(error: unknown, taskId: TaskId, log: Logger): AgentStatus {
  if (error instanceof InsideError) return { error: error.code, values: error.values };
  log.error({ taskId, err: error }, 'something to be done inside a task failed');
  return { error: 'exec_failed', values: { detail: 'its host failed to do it; the operator finds why in the agent’s log' } };
}

async function run(socket: ChannelSocket, inside: Inside, taskId: TaskId, start: StreamStart): Promise<AgentStatus> {
  switch (start.kind) {
    case 'exec':
      return exec(socket, await inside.exec(taskId, start.container, start));
    case 'copy-out':
      return copy(socket, await inside.copyOut(taskId, start.container, start.path));
    case 'copy-in':
      return copy(socket, await inside.copyIn(taskId, start.container, start.path));
    case 'stat':
      await socket.sendJson(channels.stdout, await inside.stat(taskId, start.container, start.path));
      return { exitCode: 0 };
    case 'forward':
      return forward(socket, await inside.connect(taskId, start.port));
    default:
      return start satisfies never;
  }
}

async function exec(socket: ChannelSocket, session: ExecSession): Promise<AgentStatus> {
  hangUpWith(socket, session);
  await socket.sendJson(channels.status, { started: true } satisfies AgentStatus);
  takeInput(socket, session.stdin, (size) => session.resize(size));
  const { stdout, stderr, exitCode } = session;
  await Promise.all([sendStream(socket, channels.stdout, stdout), stderr && sendStream(socket, channels.stderr, stderr)]);
  return { exitCode: await exitCode };
}

/** A copy's program is ours: what it says on stderr is for the answer. */
async function copy(socket: ChannelSocket, session: ExecSession): Promise<AgentStatus> {
  hangUpWith(socket, session);
  let said = '';
  session.stderr?.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString('utf8')).slice(-detailCharacters);
  });
  await socket.sendJson(channels.status, { started: true } satisfies AgentStatus);
  takeInput(socket, session.stdin, () => {});
  await sendStream(socket, channels.stdout, session.stdout);
  const exitCode = await session.exitCode;
  if (exitCode === 0) return { exitCode };
  throw new InsideError('copy_failed', { detail: said.trim().split('\n').at(-1) || `tar ended with ${exitCode}` });
}

async function forward(socket: ChannelSocket, connection: Duplex): Promise<AgentStatus> {
  const closed = connection.closed ? Promise.resolve() : once(connection, 'close').catch(() => {});
  connection.on('error', () => connection.destroy());
  onGone(socket, () => connection.destroy());
  await socket.sendJson(channels.status, { started: true } satisfies AgentStatus);
  takeInput(socket, connection, () => {});
  await sendStream(socket, channels.stdout, connection);
  await closed;
  return { exitCode: 0 };
}

function hangUpWith(socket: ChannelSocket, session: ExecSession): void {
  onGone(socket, () => {
    // Nobody reads any more: what is in the pipes must not hold the end up.
    session.stdout.resume();
    session.stderr?.resume();
    void session.hangUp();
  });
}

function onGone(socket: ChannelSocket, then: () => void): void {
  if (socket.gone.aborted) then();
  else socket.gone.addEventListener('abort', then, { once: true });
}

function takeInput(socket: ChannelSocket, input: Writable, resize: (size: { columns: number; rows: number }) => void): void {
  socket.take(({ channel, data }) => {
    if (channel === channels.stdin) writeHeld(socket, input, data);
    else if (channel === channels.close && data[0] === channels.stdin) input.end();
    else if (channel === channels.resize) {
      const size = parseJson(terminalSizeSchema, data);
      if (size) resize(size);
    }
  });
}
