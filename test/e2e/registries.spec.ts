// Images from registries: with an account, behind a token server, away, and hostile. The bundled registry is real; the
// others are strangers, played by small servers here.
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Api, startApi } from '../support/api.js';
import { freePort } from '../support/cluster.js';
import { registryAccount, startRegistry, type TestRegistry } from '../support/registry.js';
import { pushTinyImage } from '../support/tiny-image.js';

const digest = `sha256:${'ab'.repeat(32)}`;
type Handler = (request: IncomingMessage, response: ServerResponse) => void;

let directory: string;
let open: TestRegistry;
let closed: TestRegistry;
let stranger: { address: string; server: http.Server };
let answer: Handler;
let asked: IncomingMessage[];
let nobody: string;
let berth: Api;
let key: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'berth-test-registries-'));
  [open, closed] = await Promise.all([startRegistry(), startRegistry(true)]);
  const server = http.createServer((request, response) => {
    asked.push(request);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stranger = { server, address: `127.0.0.1:${(server.address() as { port: number }).port}` };
  nobody = `127.0.0.1:${await freePort()}`;
  const authFile = join(directory, 'auth.json');
  const auth = (text: string) => ({ auth: Buffer.from(text).toString('base64') });
  await writeFile(
    authFile,
    JSON.stringify({ auths: { [closed.address]: auth(`tester:${registryAccount.password}`), [stranger.address]: auth('me:secret') } }),
  );
  berth = await startApi({
    BERTH_DEFAULT_REGISTRY: open.address,
    BERTH_INSECURE_REGISTRIES: [open.address, closed.address, stranger.address, nobody].join(','),
    BERTH_REGISTRY_AUTH_FILE: authFile,
  });
  key = (await berth.newTenant()).key;
});
beforeEach(() => {
  asked = [];
  answer = (_request, response) => response.writeHead(500).end();
});
afterAll(async () => {
  await berth?.stop();
  stranger?.server.closeAllConnections();
  stranger?.server.close();
  await open?.stop();
  await closed?.stop();
  await rm(directory, { recursive: true, force: true });
});

async function resolve(image: string) {
  const { status, body } = await berth
    .as(key)
    .post('/v1/task-definitions')
    .send({ family: 'f', containers: [{ name: 'main', image }] });
  return { status, code: body.code, field: body.field, message: body.message, digest: body.containers?.[0].imageDigest };
}

describe('real registries', () => {
  it('by tag and by digest, anonymous and with an account', async () => {
    const one = await pushTinyImage(open.address, 'team/app', '1.0', 'one');
    const two = await pushTinyImage(closed.address, 'team/app', '1.0', 'two', registryAccount.authorization);
    expect((await resolve('team/app:1.0')).digest).toBe(one);
    expect((await resolve(`team/app@${one}`)).digest).toBe(one);
    expect((await resolve(`${closed.address}/team/app:1.0`)).digest).toBe(two);
    expect((await resolve(`${closed.address}/team/app@${two}`)).digest).toBe(two);
    expect(await resolve(`${closed.address}/team/none:1.0`)).toMatchObject({
      status: 422,
      code: 'unknown_image',
      field: 'containers.0.image',
    });
  });

  it('follows a tag that was moved, a few seconds later', async () => {
    const first = await pushTinyImage(open.address, 'moving', 'latest', 'one');
    expect((await resolve('moving')).digest).toBe(first);
    const second = await pushTinyImage(open.address, 'moving', 'latest', 'two');
    await expect.poll(async () => (await resolve('moving')).digest, { timeout: 10_000, interval: 500 }).toBe(second);
  });

  it('lists what the bundled one offers', async () => {
    await pushTinyImage(open.address, 'listed', 'a', 'x');
    await pushTinyImage(open.address, 'listed', 'b', 'y');
    await expect
      .poll(async () => (await berth.as(key).get('/v1/images').expect(200)).body.items, { timeout: 10_000, interval: 500 })
      .toContainEqual({ name: 'listed', tags: ['a', 'b'] });
  });

  it('says which one does not answer', async () => {
    const refused = await resolve(`${nobody}/app`);
    expect(refused).toMatchObject({ status: 503, code: 'registry_unavailable', field: 'containers.0.image' });
    expect(refused.message).toContain('refuses connections');
  });
});

describe('a registry behind a token server', () => {
  const withToken: Handler = (request, response) => {
    if (request.url?.startsWith('/token')) return response.writeHead(200).end(JSON.stringify({ token: 'tok' }));
    if (request.headers.authorization === 'Bearer tok') return response.writeHead(200, { 'docker-content-digest': digest }).end();
    response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${stranger.address}/token",service="svc"` }).end();
  };

  it('gets a token for the repository with the account, and uses it', async () => {
    answer = withToken;
    expect((await resolve(`${stranger.address}/team/app:2`)).digest).toBe(digest);
    const token = asked.find((request) => request.url?.startsWith('/token'));
    expect(token?.url).toBe('/token?service=svc&scope=repository%3Ateam%2Fapp%3Apull');
    expect(token?.headers.authorization).toBe(`Basic ${Buffer.from('me:secret').toString('base64')}`);
  });

  it.each([
    ['names a token server in plain text elsewhere', 'http://auth.example/token'],
    ['names one on this machine', 'https://127.0.0.1:1/token'],
    ['names one on the cloud’s metadata address', 'https://169.254.169.254/latest'],
    ['names one by a name for this machine', 'https://localhost:1/token'],
    ['names no URL', 'nonsense'],
  ])('%s: refused, and nothing is sent', async (_, realm) => {
    answer = (_request, response) => response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}"` }).end();
    const trusted = realm.startsWith('https://127.0.0.1');
    const refused = await resolve(`${stranger.address}/app:${Math.random().toString(36).slice(2)}`);
    expect(refused.status).toBe(trusted ? 503 : 422);
    expect(asked.every((request) => request.method === 'HEAD')).toBe(true);
  });
});

describe('hostile registries', () => {
  const cases: [string, Handler, number, string][] = [
    [
      'redirects to this machine',
      (_, response) => response.writeHead(302, { location: 'http://169.254.169.254/' }).end(),
      422,
      'registry_denied',
    ],
    ['allows no more requests', (_, response) => response.writeHead(429).end(), 503, 'registry_unavailable'],
    ['answers with an error', (_, response) => response.writeHead(500).end(), 503, 'registry_unavailable'],
    ['hangs up', (request) => request.socket.destroy(), 503, 'registry_unavailable'],
    ['asks for what it does not say', (_, response) => response.writeHead(401).end(), 422, 'registry_denied'],
    [
      'sends without end',
      (request, response) => {
        response.writeHead(200);
        if (request.method === 'HEAD') return response.end();
        const more = () => response.write(Buffer.alloc(1 << 20), () => response.destroyed || more());
        more();
      },
      503,
      'registry_unavailable',
    ],
    [
      'gives a token that would add a header',
      (request, response) => {
        if (request.url?.startsWith('/token')) response.writeHead(200).end(JSON.stringify({ token: 'a\r\nX-Evil: 1' }));
        else response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${stranger.address}/token"` }).end();
      },
      422,
      'registry_denied',
    ],
  ];
  it.each(cases)('one that %s', async (_, handler, status, code) => {
    answer = handler;
    expect(await resolve(`${stranger.address}/app:${Math.random().toString(36).slice(2)}`)).toMatchObject({ status, code });
  });

  it.each([
    '127.0.0.1:1/app',
    'localhost:1/app',
    '169.254.169.254/app',
    '[::1]:1/app',
    '[::ffff:7f00:1]:1/app',
    '0.0.0.0:1/app',
    '2130706433:1/app',
  ])('an address that is not to be called: %s', async (image) => {
    expect(await resolve(image)).toMatchObject({ status: 422, code: 'registry_denied' });
  });

  it('a digest in the answer that is none is not believed', async () => {
    answer = (request, response) =>
      response.writeHead(200, { 'docker-content-digest': 'sha256:<script>' }).end(request.method === 'GET' ? 'manifest' : undefined);
    const { digest: own } = await resolve(`${stranger.address}/odd:1`);
    expect(own).toBe(`sha256:${createHash('sha256').update('manifest').digest('hex')}`);
  });

  it('many requests for one image at once ask its registry once', async () => {
    answer = (_, response) => setTimeout(() => response.writeHead(200, { 'docker-content-digest': digest }).end(), 100);
    await Promise.all(Array.from({ length: 10 }, () => resolve(`${stranger.address}/crowd:1`)));
    expect(asked).toHaveLength(1);
  });
});
