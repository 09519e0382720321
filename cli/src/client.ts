// The way to the API: the client generated from its OpenAPI document, time limits, another try where that is safe,
// and failures as sentences.
import type { Problem } from '@berth/contract';
import type { paths } from '@berth/contract/openapi';
import createClient from 'openapi-fetch';
import { type ChannelConnection, openChannelSocket } from './channel-connection.js';
import type { Context } from './context.js';
import { parseEvents, type ServerEvent } from './event-stream.js';
import { Failure, refused } from './failure.js';

const answerWithinMs = 35_000;

/** No answer at all: the server is away, or the network is. */
export class Unreachable extends Failure {}

interface ClientOptions {
  /** How long to go on trying when Berth does not answer or says 503. 0: fail at once. */
  readonly patienceMs?: number;
  /** `nobody`: for signing in. */
  readonly as?: 'tenant' | 'operator' | 'nobody';
}

export type Api = ReturnType<typeof connect>;

/** @throws Failure when the context has no key for this role. */
export function connect(context: Context, { patienceMs = 0, as = 'tenant' }: ClientOptions = {}) {
  const headers = { ...(as === 'nobody' ? {} : authorization(context, as)), 'User-Agent': 'berth-cli' };
  const send = (request: Request) => persist(request, patienceMs, context.url);
  const typed = createClient<paths>({ baseUrl: context.url, headers, fetch: send });
  return {
    url: context.url,
    ...typed,
    /** Opens one of the API's WebSockets. @throws Unreachable, Failure */
    socket: (path: string) => openChannels(context.url, path, headers),
    /** A request or an answer that is a tar. @throws Unreachable, Failure */
    async tar(path: string, query: Record<string, string>, body?: ReadableStream<Uint8Array>): Promise<ReadableStream<Uint8Array> | null> {
      const upload = body && { method: 'PUT', body, duplex: 'half' as const };
      const request = new Request(`${context.url}${path}?${new URLSearchParams(query)}`, {
        headers: { ...headers, ...(body && { 'Content-Type': 'application/x-tar' }) },
        ...upload,
      });
      const response = await once(request, context.url);
      if (!response.ok) throw await failureOf(response);
      return response.body;
    },
    /** Opens a stream of server-sent events. @throws Unreachable, Failure */
    async events(path: string, query: Record<string, string>, signal?: AbortSignal): Promise<AsyncIterable<ServerEvent>> {
      const request = new Request(`${context.url}${path}?${new URLSearchParams(query)}`, {
        headers: { ...headers, Accept: 'text/event-stream' },
        ...(signal && { signal }),
      });
      const response = await once(request, context.url);
      if (!response.ok || !response.body) throw await failureOf(response);
      return parseEvents(response.body as unknown as AsyncIterable<Uint8Array>);
    },
  };
}

function authorization(context: Context, as: 'tenant' | 'operator'): { Authorization: string } {
  const key = as === 'operator' ? (context.operatorKey ?? context.apiKey) : (context.apiKey ?? context.operatorKey);
  if (key === null) throw new Failure(`There is no key for ${context.url}.`, { hint: 'Sign in with "berth login", or set BERTH_API_KEY.' });
  return { Authorization: `Bearer ${key}` };
}

/** The data of an answer. @throws Failure with what the API said when it refused. */
export async function answer<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await call;
  if (response.ok) return data as T;
  throw isProblem(error) ? refused(error) : unexpected(response.status);
}

/** Whether another try can succeed: no answer, a broken connection, too many requests, or "not at the moment". */
export function passes(error: unknown): boolean {
  if (!(error instanceof Failure)) return true;
  if (error instanceof Unreachable) return true;
  return (
    error.problem !== undefined && ['unavailable', 'host_unreachable', 'rate_limited', 'registry_unavailable'].includes(error.problem.code)
  );
}

async function persist(request: Request, patienceMs: number, url: string): Promise<Response> {
  const repeatable = request.method === 'GET' || request.headers.has('Idempotency-Key') || /\/stop$/.test(request.url);
  const giveUpAt = performance.now() + patienceMs;
  for (let attempt = 0; ; attempt += 1) {
    const outcome = await once(request.clone(), url, AbortSignal.timeout(answerWithinMs)).catch((error: unknown) => error as Error);
    const waitMs = outcome instanceof Response ? waitBeforeNext(outcome, attempt) : backOff(attempt);
    const again = waitMs !== null && repeatable && performance.now() + waitMs < giveUpAt;
    if (again) await new Promise((resolve) => setTimeout(resolve, waitMs));
    else if (outcome instanceof Response) return outcome;
    else throw outcome;
  }
}

/** Null when the answer is final. */
function waitBeforeNext(response: Response, attempt: number): number | null {
  if (response.status !== 503 && response.status !== 429) return null;
  const seconds = Number(response.headers.get('Retry-After') ?? Number.NaN);
  return Number.isFinite(seconds) ? seconds * 1000 : backOff(attempt);
}

/** Grows to two seconds, and differs between clients so that they don't come back all at once. */
function backOff(attempt: number): number {
  return Math.min(2000, 100 * 2 ** attempt) * (0.5 + Math.random() / 2);
}

async function once(request: Request, url: string, signal?: AbortSignal): Promise<Response> {
  try {
    return await fetch(request, signal && { signal });
  } catch (error) {
    if (request.signal.aborted) throw error;
    throw new Unreachable(`Berth does not answer at ${url}: ${reasonOf(error)}.`, {
      hint: 'Is it running? Start it with bin/up.',
      cause: error,
    });
  }
}

function reasonOf(error: unknown): string {
  const { name, message, cause } = error as Error;
  if (name === 'TimeoutError') return `nothing came within ${answerWithinMs / 1000} s`;
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  if (code === 'ECONNREFUSED') return 'connection refused';
  if (code === 'ENOTFOUND') return 'there is no host of this name';
  return code ?? (cause instanceof Error ? cause.message : message);
}

async function openChannels(url: string, path: string, headers: Record<string, string>): Promise<ChannelConnection> {
  const opened = await openChannelSocket(`${url.replace(/^http/, 'ws')}${path}`, headers);
  if ('connection' in opened) return opened.connection;
  if ('body' in opened) throw isProblem(opened.body) ? refused(opened.body) : unexpected(opened.status);
  throw new Unreachable(`Berth does not answer at ${url}: ${reasonOf(opened.error)}.`, {
    hint: 'Is it running? Start it with bin/up.',
    cause: opened.error,
  });
}

async function failureOf(response: Response): Promise<Failure> {
  const body: unknown = await response.json().catch(() => null);
  return isProblem(body) ? refused(body) : unexpected(response.status);
}

function unexpected(status: number): Failure {
  return new Failure(`The server answered ${status}, but not as Berth does.`, {
    hint: 'Is the URL of the context right? "berth context ls" shows it.',
  });
}

function isProblem(body: unknown): body is Problem {
  return typeof body === 'object' && body !== null && 'code' in body && 'message' in body && 'requestId' in body;
}
