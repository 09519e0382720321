// Walks routes of the OpenAPI document as somebody: with a body and a query that are complete enough to be looked at, over
// HTTP or, where a route is one, as a WebSocket.
import { randomUUID } from 'node:crypto';
import WebSocket from 'ws';
import type { ApiRoute, JsonSchema } from './openapi.js';

export interface Answer {
  readonly title: string;
  readonly status: number;
  readonly code: string | undefined;
  readonly field: string | undefined;
  readonly message: string | undefined;
}

/** What a route wants in its body before it looks for the object. */
const bodies: Readonly<Record<string, object>> = {
  'PATCH /v1/tasks/{taskId}': { cpuMillis: 500 },
  'PUT /v1/secrets/{secretName}': { value: 'x' },
  'POST /v1/placements:simulate': { definition: { family: 'x', containers: [{ name: 'main', image: 'busybox' }] } },
  'POST /v1/tasks/{taskId}/signal': { signal: 'HUP' },
  'POST /v1/tasks/{taskId}/exec': { command: ['true'] },
  'PATCH /v1/users/{userId}': { role: 'viewer' },
};

const given: Readonly<Record<string, string>> = { port: '8080', path: '/tmp' };

function sample(name: string, { type, minimum, enum: values }: JsonSchema): string {
  if (given[name] !== undefined) return given[name];
  if (values?.[0] !== undefined) return String(values[0]);
  return type === 'integer' || type === 'number' ? String(minimum ?? 1) : 'x';
}

export function bodyOf(route: ApiRoute): object | undefined {
  return route.hasBody ? (bodies[route.title] ?? {}) : undefined;
}

/** @param objects by placeholder; an id of nothing for those that are not there. */
export function pathOf(route: ApiRoute, objects: Readonly<Record<string, string>> = {}): string {
  const path = route.path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(objects[name] ?? randomUUID()));
  const query = route.query.filter(({ required }) => required).map(({ name, schema }) => [name, sample(name, schema)]);
  return query.length === 0 ? path : `${path}?${new URLSearchParams(Object.fromEntries(query))}`;
}

export async function send(
  url: string,
  route: ApiRoute,
  headers: Readonly<Record<string, string>>,
  { path = pathOf(route), body = bodyOf(route) }: { path?: string; body?: unknown } = {},
): Promise<Answer> {
  const stop = new AbortController();
  const isTar = route.hasBody && route.body === null;
  const answer = await fetch(url + path, {
    method: route.method.toUpperCase(),
    headers: { ...headers, ...(body === undefined ? {} : { 'content-type': isTar ? 'application/x-tar' : 'application/json' }) },
    ...(body === undefined ? {} : { body: isTar ? '' : typeof body === 'string' ? body : JSON.stringify(body) }),
    redirect: 'manual',
    signal: stop.signal,
  });
  const isProblem = answer.status >= 400 && (answer.headers.get('content-type') ?? '').includes('json');
  const problem = isProblem ? ((await answer.json()) as Omit<Answer, 'title' | 'status'>) : undefined;
  // A stream of events would never end.
  if (!isProblem) stop.abort();
  return { title: route.title, status: answer.status, code: problem?.code, field: problem?.field, message: problem?.message };
}

/** @returns 101 if it was opened. */
export async function openSocket(
  url: string,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<{ status: number; code?: string }> {
  const socket = new WebSocket(url.replace(/^http/, 'ws') + path, ['berth.channels.v1'], { headers: { ...headers } });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('open', () => {
      socket.close();
      resolve({ status: 101 });
    });
    socket.once('unexpected-response', (_request, response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, code: JSON.parse(text).code }));
    });
  });
}
