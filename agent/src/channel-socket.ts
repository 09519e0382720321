// A WebSocket of channels (contract/channels.ts) with back-pressure both ways: whoever sends waits while much is on its
// way out, and what comes in is read no faster than it is taken.

import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import {
  type Channel,
  type ChannelMessage,
  channelChunkBytes,
  channelMessage,
  closeMessage,
  jsonMessage,
  parseChannelMessage,
} from '@berth/contract';
import { type RawData, WebSocket } from 'ws';

const bufferedBytesAtMost = 1024 * 1024;
/** Keeps proxies from closing an idle connection, and finds out that the other side is gone while nothing is read. */
const pingEveryMs = 15_000;

export interface ChannelSocket {
  /** Fires when the socket is gone. */
  readonly gone: AbortSignal;
  /** Resolves at once while little is under way, else when it went out, or the socket is gone. */
  send(message: Uint8Array): Promise<void>;
  sendJson(channel: Channel, value: unknown): Promise<void>;
  /** The first message; nothing further is read until `take`. Null if none came. */
  first(withinMs: number): Promise<ChannelMessage | null>;
  take(listener: (message: ChannelMessage) => void): void;
  pause(): void;
  resume(): void;
  close(): void;
}

export function channelSocket(socket: WebSocket): ChannelSocket {
  const ended = new AbortController();
  const pinging = setInterval(() => socket.ping(), pingEveryMs);
  socket.on('close', () => {
    clearInterval(pinging);
    ended.abort();
  });
  const send = (message: Uint8Array) =>
    new Promise<void>((resolve) => {
      if (socket.readyState !== WebSocket.OPEN) return resolve();
      const sent = () => {
        ended.signal.removeEventListener('abort', sent);
        resolve();
      };
      ended.signal.addEventListener('abort', sent, { once: true });
      socket.send(message, sent);
      if (socket.bufferedAmount < bufferedBytesAtMost) sent();
    });
  return {
    gone: ended.signal,
    send,
    sendJson: (channel, value) => send(jsonMessage(channel, value)),
    first: async (withinMs) => {
      const signal = AbortSignal.any([ended.signal, AbortSignal.timeout(withinMs)]);
      const [data] = (await once(socket, 'message', { signal }).catch(() => [])) as [RawData?];
      socket.pause();
      return data === undefined ? null : parseChannelMessage(bytesOf(data));
    },
    take: (listener) => {
      socket.on('message', (data) => {
        const message = parseChannelMessage(bytesOf(data));
        if (message) listener(message);
      });
      socket.resume();
    },
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    close: () => {
      // A paused socket would not see the answer to its close.
      socket.resume();
      socket.close(1000);
    },
  };
}

function bytesOf(data: RawData): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data;
}

/** Sends what a stream gives, and that it is at its end. Reads no faster than the socket takes. Never rejects. */
export async function sendStream(socket: ChannelSocket, channel: Channel, source: Readable): Promise<void> {
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      for (let from = 0; from < chunk.length; from += channelChunkBytes) {
        if (socket.gone.aborted) return;
        await socket.send(channelMessage(channel, chunk.subarray(from, from + channelChunkBytes)));
      }
    }
  } catch {
    // A stream that breaks off is at its end; how the session went is told by its status.
  }
  await socket.send(closeMessage(channel));
}

/** Writes a message's data; the socket is not read while much of it waits to be taken. */
export function writeHeld(socket: ChannelSocket, target: Writable, data: Uint8Array): void {
  if (target.writableEnded || target.destroyed) return;
  if (target.write(data) || target.writableLength < bufferedBytesAtMost) return;
  socket.pause();
  const goOn = () => {
    target.off('drain', goOn).off('close', goOn);
    socket.resume();
  };
  target.once('drain', goOn).once('close', goOn);
}
