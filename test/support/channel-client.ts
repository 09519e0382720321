// A client of the API's WebSockets as a program would write one: channels in, channels out, and how it ended.
import { once } from 'node:events';
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
  tokenProtocolPrefix,
} from '@berth/contract';
import { WebSocket } from 'ws';

export interface ChannelClient {
  readonly socket: WebSocket;
  /** What has come on a channel so far. */
  text(channel?: Channel): string;
  bytes(channel?: Channel): number;
  /** Returns when the output so far is as wanted. */
  until(found: (text: string) => boolean): Promise<string>;
  write(data: string | Uint8Array): Promise<void>;
  endInput(): void;
  resize(columns: number, rows: number): void;
  /** The last message, and that the socket is closed. */
  readonly ended: Promise<StreamStatus | null>;
}

export interface ChannelOptions {
  readonly key?: string;
  readonly token?: string;
  readonly origin?: string;
}

/** A refusal of the upgrade, as the API words it. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
  ) {
    super(`${status} ${code}`);
  }
}

/** @throws Refused */
export async function openChannels(url: string, { key, token, origin }: ChannelOptions): Promise<ChannelClient> {
  const protocols = [channelProtocol, ...(token === undefined ? [] : [`${tokenProtocolPrefix}${token}`])];
  const headers = { ...(key && { authorization: `Bearer ${key}` }), ...(origin && { origin }) };
  const socket = new WebSocket(url.replace(/^http/, 'ws'), protocols, { headers, perMessageDeflate: false });
  const client = clientOf(socket);
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
    socket.once('unexpected-response', (_request, response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => reject(new Refused(response.statusCode ?? 0, (JSON.parse(body) as { code: string }).code)));
    });
  });
  socket.on('error', () => {});
  return client;
}

function clientOf(socket: WebSocket): ChannelClient {
  const received = new Map<number, Buffer[]>();
  let status: StreamStatus | null = null;
  let wake: () => void = () => {};
  socket.on('message', (data: Buffer) => {
    const message = parseChannelMessage(data);
    if (message?.channel === channels.status) status = parseJson(streamStatusSchema, message.data);
    else if (message) {
      const parts = received.get(message.channel) ?? [];
      parts.push(Buffer.from(message.data));
      received.set(message.channel, parts);
    }
    wake();
  });
  const all = (channel: Channel) => Buffer.concat(received.get(channel) ?? []);
  return {
    socket,
    text: (channel = channels.stdout) => all(channel).toString(),
    bytes: (channel = channels.stdout) => (received.get(channel) ?? []).reduce((sum, part) => sum + part.length, 0),
    until: async (found) => {
      for (;;) {
        const text = all(channels.stdout).toString();
        if (found(text)) return text;
        if (socket.readyState === WebSocket.CLOSED)
          throw new Error(`it ended with ${JSON.stringify(status)} after ${JSON.stringify(text)}`);
        await new Promise<void>((resolve) => {
          wake = resolve;
          socket.once('close', resolve);
        });
      }
    },
    write: async (data) => {
      const bytes = Buffer.from(data as Uint8Array);
      for (let from = 0; from < bytes.length; from += channelChunkBytes) {
        const part = channelMessage(channels.stdin, bytes.subarray(from, from + channelChunkBytes));
        await new Promise<void>((resolve) => socket.send(part, () => resolve()));
      }
    },
    endInput: () => socket.send(closeMessage(channels.stdin)),
    resize: (columns, rows) => socket.send(jsonMessage(channels.resize, { columns, rows })),
    ended: once(socket, 'close').then(() => status),
  };
}
