// Answers to what is wrong before any controller is reached, and the parts that every answer has.
import net from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Api, startApi } from '../support/api.js';

let berth: Api;
let key: string;

beforeAll(async () => {
  berth = await startApi();
  key = (await berth.newTenant()).key;
});
afterAll(() => berth?.stop());

const post = (body: string, type = 'application/json') => berth.as(key).post('/v1/tasks').set('content-type', type).send(body);
const problem = (answer: { status: number; body: { code?: string; field?: string } }) => ({
  status: answer.status,
  code: answer.body.code,
  ...(answer.body.field ? { field: answer.body.field } : {}),
});

describe('bodies', () => {
  it.each([
    '{',
    '{"a":}',
    'nonsense',
    '{"taskDefinition": "x"} trailing',
    '{"__proto__": {"count": 2}}',
    '{"constructor": {"prototype": {}}}',
  ])('malformed: %s', async (text) => {
    expect(problem(await post(text))).toEqual({ status: 422, code: 'malformed_body' });
  });

  it.each(['null', '[]', '"text"', '7'])('not an object: %s', async (text) => {
    expect(problem(await post(text))).toEqual({ status: 422, code: 'invalid_request' });
  });

  it('missing', async () => {
    const answer = await berth.as(key).post('/v1/tasks');
    expect(problem(answer)).toEqual({ status: 422, code: 'invalid_request' });
    expect(answer.body.message).toBe('Send a JSON object as the body.');
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'application/xml', 'multipart/form-data'])('of the type %s', async (type) => {
    expect(problem(await post('a=1', type))).toEqual({ status: 415, code: 'unsupported_media_type' });
  });

  it('too large', async () => {
    const answer = await post(JSON.stringify({ taskDefinition: 'x'.repeat(2 * 1024 * 1024) }));
    expect(problem(answer)).toEqual({ status: 413, code: 'body_too_large' });
    expect(answer.body.message).toContain('1 MiB');
  });

  it('deep as a well', async () => {
    expect((await post(`${'['.repeat(50_000)}${']'.repeat(50_000)}`)).status).toBe(422);
  });

  it('says what is wrong in a sentence', async () => {
    const messages = await Promise.all(
      [
        {},
        { taskDefinition: 'x', count: 'two' },
        { taskDefinition: 'x', count: 2.5 },
        { taskDefinition: 'x', colour: 1 },
        { taskDefinition: 'x', tags: { a: 'v'.repeat(300) } },
      ].map(async (body) => (await berth.as(key).post('/v1/tasks').send(body)).body.message),
    );
    expect(messages).toEqual([
      'taskDefinition give either taskDefinition or definition.',
      'count must be a number.',
      'count must be a whole number.',
      'colour is not a field here; check its spelling.',
      'tags.a must have at most 256 characters.',
    ]);
  });
});

describe('routes', () => {
  it.each(['/', '/v1', '/v2/tasks', '/v1/tasks/1/2/3/4', '/v1/../etc/passwd', '/docs/..%2Fpackage.json', '//'])(
    'there is none at %s',
    async (path) => {
      const { status, body } = await berth.as(key).get(path);
      expect(status).toBe(404);
      expect(['route_not_found', 'not_found']).toContain(body.code);
    },
  );

  it('405 with Allow where only the method is wrong', async () => {
    const answer = await berth.as(key).put('/v1/tasks').send({});
    expect(problem(answer)).toEqual({ status: 405, code: 'method_not_allowed' });
    expect(answer.headers.allow).toBe('GET, HEAD, POST');
    expect((await berth.as(key).delete('/v1/tasks/x/stop')).headers.allow).toBe('POST');
  });

  it('a URL that cannot be decoded', async () => {
    expect(await raw('GET /v1/tasks/%E0%A4%A HTTP/1.1\r\nHost: x\r\n\r\n')).toMatch(/^HTTP\/1.1 4\d\d .*\r\n/);
  });

  it('a query parameter where none is taken', async () => {
    expect(problem(await berth.as(key).get('/v1/whoami?verbose=1'))).toEqual({ status: 422, code: 'invalid_request', field: 'verbose' });
    expect(problem(await berth.anonymous().get('/v1/whoami?verbose=1'))).toEqual({ status: 401, code: 'unauthenticated' });
  });
});

describe('request ids', () => {
  it('are the caller’s if they are harmless', async () => {
    const answer = await berth.as(key).get('/v1/tasks/x').set('x-request-id', 'abc-123');
    expect([answer.headers['x-request-id'], answer.body.requestId]).toEqual(['abc-123', 'abc-123']);
  });

  it.each(['a b', 'x'.repeat(65), '<script>', ''])('are ours in place of "%s"', async (given) => {
    const answer = await berth.as(key).get('/v1/tasks/x').set('x-request-id', given);
    expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(answer.body.requestId).toBe(answer.headers['x-request-id']);
  });

  it('stand on every answer, good or bad', async () => {
    for (const path of ['/healthz', '/v1/whoami', '/nope', '/metrics']) {
      expect((await berth.anonymous().get(path)).headers['x-request-id'], path).toBeDefined();
    }
  });
});

describe('rate limit', () => {
  it('answers 429 with Retry-After, for each key by itself', async () => {
    const strict = await startApi({ BERTH_RATE_LIMIT_PER_SECOND: '5' });
    try {
      const [one, two] = [await strict.newTenant(), await strict.newTenant()];
      const answers = await Promise.all(Array.from({ length: 20 }, () => strict.as(one.key).get('/v1/whoami')));
      const refused = answers.filter((answer) => answer.status === 429);
      expect(refused.length).toBeGreaterThan(0);
      expect(refused[0]?.body.code).toBe('rate_limited');
      expect(Number(refused[0]?.headers['retry-after'])).toBeGreaterThanOrEqual(1);
      await strict.as(two.key).get('/v1/whoami').expect(200);
    } finally {
      await strict.stop();
    }
  });
});

describe('about the API itself', () => {
  it('serves the document and a page that needs nothing from elsewhere', async () => {
    expect((await berth.anonymous().get('/openapi.json')).body.openapi).toBe('3.1.0');
    const page = await berth.anonymous().get('/docs').expect(200);
    const links = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? '');
    expect(links.length).toBeGreaterThan(2);
    for (const link of links) {
      expect(link).toMatch(/^\/docs\//);
      await berth.anonymous().get(link).expect(200);
    }
  });

  it('counts tasks and requests for Prometheus', async () => {
    const { text, headers } = await berth.anonymous().get('/metrics').expect(200);
    expect(headers['content-type']).toContain('text/plain');
    expect(text).toMatch(/^berth_tasks\{state="pending"\} 0$/m);
    expect(text).toContain('berth_http_request_seconds_count{method="GET",route="/v1/whoami",status="200"}');
  });
});

describe('a process without the role api', () => {
  it('serves health and metrics only', async () => {
    const worker = await startApi({ BERTH_ROLES: 'worker' });
    try {
      await worker.anonymous().get('/healthz').expect(200);
      await worker.anonymous().get('/readyz').expect(200);
      await worker.anonymous().get('/metrics').expect(200);
      for (const path of ['/v1/whoami', '/openapi.json', '/docs']) await worker.as(worker.operatorKey).get(path).expect(404);
    } finally {
      await worker.stop();
    }
  });
});

function raw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(berth.config.http.port, '127.0.0.1', () => socket.end(text));
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk.toString();
    });
    socket.on('end', () => resolve(answer)).on('error', reject);
  });
}
