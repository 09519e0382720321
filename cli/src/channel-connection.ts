// A WebSocket of channels (the contract's channels.ts) to something inside a task: bytes in and out, each side held back
// by the other, and how it ended.
import {
  type Channel,
  channelChunkBytes,
  channelMessage,
  channelProtocol,
  channels,
  closeMessage,
  jsonMessage,
  parseChannelMessage,
  parseJson,
  type StreamStatus,
  streamStatusSchema,
} from '@berth/contract';
import { WebSocket } from 'ws';

export interface ChannelConnection {
  /** @param take gets what comes on stdout and stderr, in order; null for the end of one of them. The next waits for it. */
  receive(take: (channel: Channel, data: Uint8Array | null) => Promise<void>): void;
  /** Resolves when it is on its way, and not before there is room for more. */
  write(data: Uint8Array): Promise<void>;
  endInput(): void;
  resize(size: { columns: number; rows: number }): void;
  /** Null: it broke off without a word. Everything received has been taken by then. */
  readonly ended: Promise<StreamStatus | null>;
  close(): void;
}

type Opened = { readonly connection: ChannelConnection } | { readonly status: number; readonly body: unknown } | { readonly error: Error };

const handshakeMs = 60_000;
const refusalBytes = 64 * 1024;
const bufferedBytesAtMost = 1024 * 1024;

/** Never rejects: a refusal is a result, with what the server said. */
export function openChannelSocket(url: string, headers: Record<string, string>): Promise<Opened> {
  const socket = new WebSocket(url, [channelProtocol], { headers, handshakeTimeout: handshakeMs, perMessageDeflate: false });
  // Before anything can come: what is received early must not be lost.
  const connection = connectionOf(socket);
  return new Promise((resolve) => {
    socket.once('open', () => resolve({ connection }));
    // Stays for the socket's life: an error without a listener would end the program.
    socket.on('error', (error) => resolve({ error }));
    socket.once('unexpected-response', (_request, response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => {
        body = (body + chunk.toString()).slice(0, refusalBytes);
      });
      response.once('close', () => resolve({ status: response.statusCode ?? 0, body: jsonOf(body) }));
    });
  });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function connectionOf(socket: WebSocket): ChannelConnection {
  let status: StreamStatus | null = null;
  let taking: Promise<void> = Promise.resolve();
  let start: (take: Parameters<ChannelConnection['receive']>[0]) => void = () => {};
  const taker = new Promise<Parameters<ChannelConnection['receive']>[0]>((resolve) => {
    start = resolve;
  });
  let waiting = 0;
  socket.on('message', (data: Buffer) => {
    const message = parseChannelMessage(data);
    if (message?.channel === channels.status) status = parseJson(streamStatusSchema, message.data);
    if (!message || message.channel === channels.status) return;
    const [channel, bytes] = message.channel === channels.close ? [message.data[0], null] : [message.channel, message.data];
    waiting += data.length;
    if (waiting > bufferedBytesAtMost) socket.pause();
    taking = taking.then(async () => {
      await (await taker)(channel as Channel, bytes);
      waiting -= data.length;
      if (waiting <= bufferedBytesAtMost) socket.resume();
    });
  });
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const send = (message: Uint8Array) =>
    new Promise<void>((resolve) => {
      if (socket.readyState !== WebSocket.OPEN) return resolve();
      socket.send(message, () => resolve());
      if (socket.bufferedAmount < bufferedBytesAtMost) resolve();
    });
  return {
    receive: start,
    write: async (data) => {
      for (let from = 0; from < data.length; from += channelChunkBytes) {
        await Promise.race([send(channelMessage(channels.stdin, data.subarray(from, from + channelChunkBytes))), closed]);
      }
    },
    endInput: () => void send(closeMessage(channels.stdin)),
    resize: (size) => void send(jsonMessage(channels.resize, size)),
    ended: closed.then(() => taking).then(() => status),
    close: () => {
      socket.resume();
      socket.close(1000);
    },
  };
}
