// One request to the gateway by HTTPS, beside the link: what has exactly one answer and can be asked again.
import { type Agent, request } from 'node:https';

export interface Credentials {
  readonly ca: string;
  readonly key?: string;
  readonly cert?: string;
}

const patienceMs = 15_000;
const longestAnswerBytes = 64 * 1024;

/** The gateway refused; the host is what it was before. */
export class GatewayRefused extends Error {
  constructor(
    readonly status: number,
    detail: string,
    /** How long the gateway wants to be left alone; null when it did not say. */
    readonly retryAfterSeconds: number | null = null,
  ) {
    super(`The gateway refused (${status}): ${detail}`);
    this.name = 'GatewayRefused';
  }
}

export interface PostOptions {
  /** How long the gateway may be silent. */
  readonly timeoutMs?: number;
  /** Keeps connections for the next requests with the same credentials. */
  readonly agent?: Agent;
}

/**
 * @param gatewayUrl wss://host:port
 * @returns the parsed JSON of the answer, as it came.
 * @throws GatewayRefused, or Error when the gateway can't be reached or answers with what is not JSON.
 */
export function postToGateway(
  gatewayUrl: string,
  path: string,
  body: object | Buffer,
  credentials: Credentials,
  options: PostOptions = {},
): Promise<unknown> {
  const { hostname, port } = new URL(gatewayUrl);
  const isBytes = Buffer.isBuffer(body);
  const payload = isBytes ? body : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        method: 'POST',
        host: bare(hostname),
        port: Number(port || 443),
        servername: serverName(hostname),
        path,
        ...credentials,
        agent: options.agent ?? false,
        timeout: options.timeoutMs ?? patienceMs,
        headers: { 'content-type': isBytes ? 'application/gzip' : 'application/json', 'content-length': Buffer.byteLength(payload) },
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
          if (text.length > longestAnswerBytes) sent.destroy(new Error('The gateway’s answer is too long.'));
        });
        response.on('end', () => {
          try {
            resolve(readAnswer(response.statusCode ?? 0, text, response.headers['retry-after']));
          } catch (error) {
            reject(error as Error);
          }
        });
        response.on('error', reject);
      },
    );
    sent.on('timeout', () => sent.destroy(new Error(`The gateway ${gatewayUrl} does not answer.`)));
    sent.on('error', reject);
    sent.end(payload);
  });
}

function readAnswer(status: number, text: string, retryAfter: string | undefined): unknown {
  if (status < 200 || status > 299) {
    throw new GatewayRefused(status, problemIn(text), retryAfter && /^\d{1,5}$/.test(retryAfter) ? Number(retryAfter) : null);
  }
  return JSON.parse(text);
}

function problemIn(text: string): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    if (typeof message === 'string') return message.slice(0, 500);
  } catch {
    // Not ours, perhaps a proxy's page.
  }
  return text.slice(0, 200) || 'without a reason';
}

/** URL keeps the brackets of an IPv6 address; sockets don't want them. */
export function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '');
}

/** Server Name Indication is for names; an address must not be sent (RFC 6066). */
export function serverName(hostname: string): string {
  return /^[\d.]+$|^\[/.test(hostname) ? '' : hostname;
}
