// What runs on the WebSocket of an exec session, a copy or a forwarded connection: binary messages, the first byte of
// each naming a channel, as in Kubernetes' v5.channel.k8s.io. The same from the client to the control plane and from
// there to the agent, so that the control plane hands messages on as they are.
import { z } from 'zod';
import type { ErrorCode } from './error-codes.js';

export const channels = {
  /** Towards the task. */
  stdin: 0,
  /** From the task; with a terminal, everything. */
  stdout: 1,
  stderr: 2,
  /** From the task, last: JSON of `streamStatusSchema`. */
  status: 3,
  /** Towards the task: JSON of `terminalSizeSchema`. */
  resize: 4,
  /** From the control plane to the agent, first and once: JSON of what is wanted. Never a client's. */
  start: 5,
  /** The channel named by the second byte is at its end; the others go on. */
  close: 255,
} as const;
export type Channel = (typeof channels)[keyof typeof channels];

/** The subprotocol that both sides of these sockets name. */
export const channelProtocol = 'berth.channels.v1';
/** A browser can't send headers: its one-use token travels as a second subprotocol with this prefix. */
export const tokenProtocolPrefix = 'berth.token.';
export const maxChannelMessageBytes = 1024 * 1024;
/** Data of one message, as the ends cut it. */
export const channelChunkBytes = 64 * 1024;

export const terminalSizeSchema = z
  .strictObject({ columns: z.int().min(1).max(10_000), rows: z.int().min(1).max(10_000) })
  .meta({ id: 'TerminalSize' });

/** What an agent may answer in place of what it was asked for. */
export const streamErrorCodes = [
  'container_not_running',
  'exec_failed',
  'too_many_sessions',
  'path_not_found',
  'not_a_directory',
  'copy_failed',
  'port_closed',
] as const satisfies readonly ErrorCode[];
export type StreamErrorCode = (typeof streamErrorCodes)[number];

/** From the agent: how it ended. `started` comes before any output and says that the program runs. */
export const agentStatusSchema = z.union([
  z.object({ started: z.literal(true) }),
  z.object({ exitCode: z.int().min(0).max(255) }),
  z.object({ error: z.enum(streamErrorCodes), values: z.record(z.string().max(40), z.string().max(500)) }),
]);
export type AgentStatus = z.output<typeof agentStatusSchema>;

/** To the client: how it ended. */
export const streamStatusSchema = z.union([
  z.object({ exitCode: z.int().describe('0–255; 128 + n when signal n ended it.') }),
  z.object({ error: z.object({ code: z.string(), message: z.string() }) }),
]);
export type StreamStatus = z.output<typeof streamStatusSchema>;

export interface ChannelMessage {
  readonly channel: number;
  readonly data: Uint8Array;
}

export function channelMessage(channel: Channel, data: Uint8Array): Uint8Array {
  const message = new Uint8Array(data.length + 1);
  message[0] = channel;
  message.set(data, 1);
  return message;
}

export function jsonMessage(channel: Channel, value: unknown): Uint8Array {
  return channelMessage(channel, new TextEncoder().encode(JSON.stringify(value)));
}

/** Says that nothing follows on this channel. */
export function closeMessage(channel: Channel): Uint8Array {
  return Uint8Array.of(channels.close, channel);
}

/** @returns null for an empty message. */
export function parseChannelMessage(message: Uint8Array): ChannelMessage | null {
  const [channel] = message;
  return channel === undefined ? null : { channel, data: message.subarray(1) };
}

/** The value of a JSON message. @returns null if it is not what the schema says. */
export function parseJson<T>(schema: z.ZodType<T>, data: Uint8Array): T | null {
  try {
    return schema.safeParse(JSON.parse(new TextDecoder().decode(data))).data ?? null;
  } catch {
    return null;
  }
}
