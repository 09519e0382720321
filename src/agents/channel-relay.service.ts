// Hands messages on between a client's WebSocket and an agent's session, as they are and with back-pressure both ways:
// who is not read is not read from. Clients may only speak on the channels that lead into the task.
import { channels, jsonMessage, parseChannelMessage, type StreamStart, type StreamStatus } from '@berth/contract';
import type { RawData, WebSocket } from 'ws';
import { ApiError } from '../errors.js';
import { type AgentSession, bufferedBytesAtMost, type StreamEnd, sendHeld } from './agent-session.service.js';

const pingEveryMs = 15_000;
/** A client that reads, but answers no ping for so long, is gone. */
const silenceMs = 60_000;
const fromClients: readonly number[] = [channels.stdin, channels.resize, channels.close];

/** Closes both sides at the end, with the status as the client's last message. */
export async function relayChannels(client: WebSocket, session: AgentSession, start: StreamStart): Promise<StreamEnd> {
  const stop = watchClient(client, () => session.close());
  // Not before it is known where to: a client that speaks early waits.
  client.pause();
  try {
    await session.start(start, (_message, raw) => {
      const sent = sendHeld(client, raw);
      if (client.bufferedAmount > bufferedBytesAtMost) {
        session.pause();
        void sent.then(() => session.resume());
      }
    });
    client.on('message', (data, isBinary) => receive(client, session, data, isBinary));
    client.resume();
    return await finish(client, await session.ended);
  } catch (error) {
    return finish(client, { error: error instanceof ApiError ? error : new ApiError('internal', {}, { cause: error }) });
  } finally {
    stop();
    session.close();
  }
}

function receive(client: WebSocket, session: AgentSession, data: RawData, isBinary: boolean): void {
  const raw = isBinary && Buffer.isBuffer(data) ? data : null;
  const message = raw && parseChannelMessage(raw);
  if (!raw || !message || !fromClients.includes(message.channel)) {
    client.close(1008, 'only binary messages of stdin, resize and close are taken');
    return;
  }
  const sent = session.send(raw);
  if (session.bufferedBytes < bufferedBytesAtMost) return;
  client.pause();
  void sent.then(() => client.resume());
}

async function finish(client: WebSocket, end: StreamEnd): Promise<StreamEnd> {
  const status: StreamStatus =
    'error' in end ? { error: { code: end.error.code, message: end.error.message } } : { exitCode: end.exitCode };
  await sendHeld(client, jsonMessage(channels.status, status));
  client.resume();
  client.close(1000);
  return end;
}

/** Pings keep proxies from closing an idle session. @returns what ends the watch. */
function watchClient(client: WebSocket, gone: () => void): () => void {
  let heardAtMs = performance.now();
  const hear = () => {
    heardAtMs = performance.now();
  };
  client
    .on('pong', hear)
    .on('message', hear)
    .on('error', () => {})
    .once('close', gone);
  const timer = setInterval(() => {
    // Who is held back, or does not read, can't answer.
    if (client.isPaused || client.bufferedAmount > 0) hear();
    if (performance.now() - heardAtMs > silenceMs) client.terminate();
    else client.ping();
  }, pingEveryMs);
  return () => clearInterval(timer);
}
