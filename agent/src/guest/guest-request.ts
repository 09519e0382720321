// A request from inside a task and the answer to it, as the metadata services see them; the sockets are
// metadata-server's.
import type { GuestTask } from './directory.js';

export interface GuestRequest {
  readonly task: GuestTask;
  readonly method: string;
  /** Of the URL, without the query, as it came: not decoded. */
  readonly path: string;
  readonly query: URLSearchParams;
  header(name: string): string | undefined;
  /** At most 4 KiB. */
  readonly body: string;
}

export interface Reply {
  readonly status: number;
  readonly type: 'text/plain' | 'application/json';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

export type Service = (request: GuestRequest) => Promise<Reply>;

export function text(status: number, body: string, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status, type: 'text/plain', headers, body };
}

export function json(status: number, value: unknown): Reply {
  return { status, type: 'application/json', body: JSON.stringify(value) };
}

/** The control plane was asked in vain for a token; the message is for whoever runs in the container. */
export class IdentityUnavailable extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'IdentityUnavailable';
  }
}

export interface IdentityToken {
  /** A JWT. */
  readonly token: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}

/** @throws IdentityUnavailable */
export type TokenSource = (task: GuestTask, audience: string) => Promise<IdentityToken>;
