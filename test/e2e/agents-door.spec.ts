// The gateway's door: who may enter, by which paper, and what becomes of those who talk nonsense.
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { agentPaths, type GatewayFrame, gatewayFrameSchema, type HostId, maxFrameBytes, type TaskId } from '@berth/contract';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { WebSocket } from 'ws';
import { enrol, renew } from '../../agent/src/enrol.js';
import { type Identity, newKeyRequest } from '../../agent/src/identity.js';
import { HostLinks } from '../../src/agents/host-links.service.js';
import { Authority } from '../../src/agents/pki.service.js';
import { type ControlPlane, startControlPlane } from '../support/control-plane.js';
import { eventually } from '../support/fleet-rows.js';

let plane: ControlPlane;
let identity: Identity;

beforeAll(async () => {
  plane = await startControlPlane(inject('databaseUrl'));
  identity = await enrol({ gatewayUrl: plane.gatewayUrl, token: await plane.hostToken(), name: 'door' });
});

afterAll(() => plane.destroy());

const authority = () => plane.app.get(Authority).certificatePem;
const hosts = async (): Promise<{ id: string; state: string }[]> => plane.db.query('SELECT id, state FROM hosts');

interface Answer {
  readonly status: number;
  readonly body: { code?: string; message?: string; field?: string; requestId?: string; hostId?: string };
}

function post(path: string, body: unknown, paper: Partial<Identity> = {}, method = 'POST'): Promise<Answer> {
  const payload = typeof body === 'string' ? body : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const sent = request(
      new URL(path, plane.gatewayUrl.replace('wss', 'https')),
      { method, ca: authority(), key: paper.key, cert: paper.certificate, agent: false },
      (response) => {
        let text = '';
        response.on('data', (chunk) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) }));
      },
    );
    sent.on('error', reject);
    sent.end(payload);
  });
}

describe('enrolment', () => {
  const order = async (token: string) => ({ token, name: 'new', csr: (await newKeyRequest('new')).csr });

  it('gives a host its certificate once for a token', async () => {
    const token = await plane.hostToken();
    const first = await post(agentPaths.enrol, await order(token));
    expect(first).toMatchObject({ status: 200, body: { hostId: expect.any(String) } });
    const known = (await hosts()).length;
    const again = await post(agentPaths.enrol, await order(token));
    expect(again).toMatchObject({ status: 401, body: { code: 'bad_host_token', requestId: expect.any(String) } });
    expect((await hosts()).length).toBe(known);
  });

  it('lets one of two that come at once with the same token in', async () => {
    const token = await plane.hostToken();
    const answers = await Promise.all([await order(token), await order(token)].map((body) => post(agentPaths.enrol, body)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401]);
  });

  it('gives the same host to the same key, as if the first answer was lost, while the token lives', async () => {
    const token = await plane.hostToken();
    const body = await order(token);
    const [first, again] = [await post(agentPaths.enrol, body), await post(agentPaths.enrol, body)];
    expect(again).toMatchObject({ status: 200, body: { hostId: first.body.hostId } });
    const [{ n }] = await plane.db.query('SELECT count(*)::int AS n FROM hosts WHERE id = $1', [first.body.hostId]);
    expect(n).toBe(1);
    await plane.db.query('UPDATE host_tokens SET expires_at = now() WHERE host_id = $1', [first.body.hostId]);
    expect(await post(agentPaths.enrol, body)).toMatchObject({ status: 401, body: { code: 'bad_host_token' } });
  });

  it('refuses a token that has expired, or that was never given', async () => {
    const token = await plane.hostToken();
    const secret = token.split('.')[1] ?? '';
    await plane.db.query('UPDATE host_tokens SET expires_at = now() WHERE secret_hash = $1', [
      createHash('sha256').update(secret).digest(),
    ]);
    const invented = token.replace(secret, 'A'.repeat(43));
    const foreign = token.slice(0, -64) + '0'.repeat(64);
    for (const bad of [token, invented, foreign, 'nonsense', '']) {
      expect(await post(agentPaths.enrol, await order(bad))).toMatchObject({ status: 401, body: { code: 'bad_host_token' } });
    }
  });

  it('spends no token on a request that is wrong', async () => {
    const token = await plane.hostToken();
    expect(await post(agentPaths.enrol, { token, name: 'x', csr: 'nonsense' })).toMatchObject({ status: 422, body: { field: 'csr' } });
    expect(await post(agentPaths.enrol, { ...(await order(token)), extra: 1 })).toMatchObject({ status: 422, body: { field: 'extra' } });
    expect(await post(agentPaths.enrol, { ...(await order(token)), name: 'a\0b' })).toMatchObject({ status: 422, body: { field: 'name' } });
    expect(await post(agentPaths.enrol, '{')).toMatchObject({ status: 422, body: { code: 'malformed_body' } });
    expect(await post(agentPaths.enrol, await order(token))).toMatchObject({ status: 200 });
  });

  it('bounds what it reads, and knows no other paths', async () => {
    expect(await post(agentPaths.enrol, 'x'.repeat(20_000))).toMatchObject({ status: 413, body: { code: 'body_too_large' } });
    expect(await post('/agent/other', {})).toMatchObject({ status: 404 });
    expect(await post(agentPaths.enrol, '', {}, 'PUT')).toMatchObject({ status: 405 });
  });

  it('renews for a host that shows its certificate, and for nobody else', async () => {
    const renewed = await renew(plane.gatewayUrl, identity, 'door');
    expect(renewed.hostId).toBe(identity.hostId);
    expect(renewed.certificate).not.toBe(identity.certificate);
    const { csr } = await newKeyRequest('x');
    expect(await post(agentPaths.renew, { csr })).toMatchObject({ status: 401, body: { code: 'bad_host_certificate' } });
    expect(await post(agentPaths.renew, { csr }, await foreignIdentity())).toMatchObject({
      status: 401,
      body: { code: 'bad_host_certificate' },
    });
  });
});

/** The same host's name, certified by an authority that is not ours. */
async function foreignIdentity(): Promise<Identity> {
  const directory = await mkdtemp(join(tmpdir(), 'berth-test-pki-'));
  const { key, csr } = await newKeyRequest('foreign');
  const made = await (await Authority.open(directory)).newHostCertificate(identity.hostId, csr);
  await rm(directory, { recursive: true });
  return { ...identity, key, certificate: made.certificate };
}

interface Talk {
  readonly socket: WebSocket;
  readonly frames: GatewayFrame[];
  readonly closed: Promise<number>;
}

async function dial(path: string = agentPaths.link, paper: Partial<Identity> = identity): Promise<Talk> {
  const socket = new WebSocket(plane.gatewayUrl + path, { ca: authority(), key: paper.key, cert: paper.certificate });
  const frames: GatewayFrame[] = [];
  socket.on('message', (data) => frames.push(gatewayFrameSchema.parse(JSON.parse(data.toString()))));
  const closed = new Promise<number>((resolve) => socket.on('close', resolve));
  await new Promise((resolve, reject) => {
    socket.on('open', resolve);
    socket.on('error', reject);
  });
  return { socket, frames, closed };
}

const hello = (more: object = {}) => ({
  type: 'hello',
  protocol: 1,
  hostId: identity.hostId,
  name: 'door',
  bootId: 'boot',
  agentVersion: '1',
  capacity: { cpuMillis: 1000, memoryMiB: 1000, taskSlots: 10 },
  attributes: { arch: 'x64' },
  tasks: [],
  ...more,
});

async function goodbyeTo(...frames: unknown[]): Promise<string> {
  const talk = await dial();
  for (const frame of frames) talk.socket.send(typeof frame === 'string' || Buffer.isBuffer(frame) ? frame : JSON.stringify(frame));
  await talk.closed;
  const last = talk.frames.at(-1);
  return last?.type === 'goodbye' ? last.reason : '';
}

describe('the link', () => {
  it('opens only with a certificate of our authority', async () => {
    await expect(dial(agentPaths.link, {})).rejects.toThrow('401');
    await expect(dial(agentPaths.link, await foreignIdentity())).rejects.toThrow('401');
    await expect(dial('/agent/elsewhere')).rejects.toThrow('404');
  });

  it('greets with a welcome and the full state, and takes the host’s facts', async () => {
    const talk = await dial();
    talk.socket.send(JSON.stringify(hello()));
    await eventually(() => talk.frames.length >= 2);
    expect(talk.frames).toMatchObject([
      { type: 'welcome', heartbeatMs: 500 },
      { type: 'desired', seq: 1, full: true, tasks: [] },
    ]);
    const [row] = await plane.db.query('SELECT * FROM hosts WHERE id = $1', [identity.hostId]);
    expect(row).toMatchObject({
      state: 'active',
      boot_id: 'boot',
      cpu_millis: 1000,
      memory_mib: 1000,
      task_slots: 10,
      attributes: { arch: 'x64', agentVersion: '1' },
    });
    talk.socket.terminate();
    await eventually(() => plane.app.get(HostLinks).hostIds.length === 0);
  });

  it.each<[string, () => unknown[], RegExp]>([
    ['anything before hello', () => [{ type: 'heartbeat', at: new Date().toISOString() }], /first frame was not hello/],
    ['no JSON', () => ['nonsense'], /not JSON/],
    ['a binary frame', () => [Buffer.from('{}')], /binary/],
    ['an unknown frame', () => [{ type: 'launch' }], /not understood/],
    ['a frame with a bad field', () => [{ type: 'ack', seq: -1 }], /seq/],
    ['another protocol', () => [{ ...hello(), protocol: 99 }], /protocol 99 is not spoken here/],
    ['two hellos', () => [hello(), hello()], /hello was sent twice/],
  ])('says goodbye to %s', async (_, frames, reason) => {
    expect(await goodbyeTo(...frames())).toMatch(reason);
  });

  it('says goodbye to a host that speaks for another', async () => {
    expect(await goodbyeTo(hello({ hostId: '00000000-0000-4000-8000-000000000000' }))).toMatch(/another host/);
  });

  it('breaks off at a frame that is too large', async () => {
    const talk = await dial();
    talk.socket.on('error', () => {});
    talk.socket.send('x'.repeat(maxFrameBytes + 1));
    expect([1006, 1009]).toContain(await talk.closed);
  });

  it('stores text that PostgreSQL would refuse, without what it refuses', async () => {
    const talk = await dial();
    talk.socket.send(JSON.stringify(hello({ attributes: { bad: 'a\0b\ud800c' } })));
    await eventually(() => talk.frames.length >= 1);
    expect((await plane.db.query('SELECT attributes FROM hosts WHERE id = $1', [identity.hostId]))[0].attributes.bad).toBe(
      'a\ufffdb\ufffdc',
    );
    talk.socket.terminate();
  });

  it('is refused to a host that is no longer in the database', async () => {
    const gone = await enrol({ gatewayUrl: plane.gatewayUrl, token: await plane.hostToken(), name: 'gone' });
    await plane.db.query('UPDATE host_tokens SET host_id = NULL WHERE host_id = $1', [gone.hostId]);
    await plane.db.query('DELETE FROM host_events WHERE host_id = $1', [gone.hostId]);
    await plane.db.query('DELETE FROM hosts WHERE id = $1', [gone.hostId]);
    const talk = await dial(agentPaths.link, gone);
    talk.socket.send(JSON.stringify(hello({ hostId: gone.hostId })));
    await talk.closed;
    expect(talk.frames).toMatchObject([{ type: 'goodbye', reason: expect.stringContaining('enrol it again') }]);
  });
});

describe('a host that is removed', () => {
  it('is cut off, and its certificate is good for nothing', async () => {
    const gone = await enrol({ gatewayUrl: plane.gatewayUrl, token: await plane.hostToken(), name: 'gone' });
    const talk = await dial(agentPaths.link, gone);
    talk.socket.send(JSON.stringify(hello({ hostId: gone.hostId })));
    await eventually(() => plane.app.get(HostLinks).of(gone.hostId));
    const headers = { authorization: `Bearer ${plane.config.operatorKey}` };
    const removed = await plane.app.inject({ method: 'DELETE', url: `/v1/hosts/${gone.hostId}`, headers });
    expect(removed.statusCode).toBe(200);
    await talk.closed;
    expect(talk.frames.at(-1)).toMatchObject({ type: 'goodbye', reason: expect.stringContaining('removed from the fleet') });
    await expect(dial(agentPaths.link, gone)).rejects.toThrow('401');
    const { csr } = await newKeyRequest('gone');
    expect(await post(agentPaths.renew, { csr }, gone)).toMatchObject({ status: 401, body: { code: 'bad_host_certificate' } });
    expect((await plane.app.inject({ method: 'GET', url: `/v1/hosts/${gone.hostId}`, headers })).statusCode).toBe(404);
  });
});

describe('streams', () => {
  it('open only to the host that was asked, and only once', async () => {
    const talk = await dial();
    talk.socket.send(JSON.stringify(hello()));
    const links = plane.app.get(HostLinks);
    await eventually(() => links.of(identity.hostId));
    const request = {
      taskId: '00000000-0000-4000-8000-000000000000' as TaskId,
      container: null,
      tail: 1,
      since: null,
      follow: false,
      from: null,
      until: null,
      grep: null,
      stream: null,
    };
    const opening = links.openLogs(identity.hostId as HostId, request, new AbortController().signal);
    const asked = await eventually(() => talk.frames.find((frame) => frame.type === 'open-stream'));
    const path = agentPaths.streams + asked.streamId;
    const other = await enrol({ gatewayUrl: plane.gatewayUrl, token: await plane.hostToken(), name: 'other' });
    await expect(dial(path, other)).rejects.toThrow('404');
    await expect(dial(path, {})).rejects.toThrow('401');
    await expect(dial(`${agentPaths.streams}${'0'.repeat(32)}`)).rejects.toThrow('404');
    const stream = await dial(path);
    const lines = await opening;
    await expect(dial(path)).rejects.toThrow('404');
    stream.socket.send(JSON.stringify({ nonsense: true }));
    const read = async () => {
      for await (const _ of lines);
    };
    await expect(read()).rejects.toThrow('something else than it was asked for');
    talk.socket.terminate();
  });

  it('hold back a host that sends faster than its lines are read, and lose none', async () => {
    const talk = await dial();
    talk.socket.send(JSON.stringify(hello()));
    const links = plane.app.get(HostLinks);
    await eventually(() => talk.frames.some(({ type }) => type === 'desired'));
    const request = {
      taskId: '00000000-0000-4000-8000-000000000000' as TaskId,
      container: null,
      tail: 1,
      since: null,
      follow: false,
      from: null,
      until: null,
      grep: null,
      stream: null,
    };
    const opening = links.openLogs(identity.hostId as HostId, request, new AbortController().signal);
    const asked = await eventually(() => talk.frames.find((frame) => frame.type === 'open-stream'));
    const { socket } = await dial(agentPaths.streams + asked.streamId);
    const lines = await opening;
    const total = 400;
    for (let n = 0; n < total; n += 1) {
      const line = { at: '2026-01-01T00:00:00Z', container: 'main', stream: 'stdout', text: `${n} ${'x'.repeat(100_000)}`, partial: false };
      socket.send(JSON.stringify({ lines: [line] }));
    }
    socket.close(1000);
    // 40 MB were sent and nothing was read: most of it must still be on the sender's side.
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(socket.bufferedAmount).toBeGreaterThan(10_000_000);
    const seen: number[] = [];
    for await (const some of lines) seen.push(...some.lines.map(({ text }) => Number.parseInt(text, 10)));
    expect(seen).toEqual(Array.from({ length: total }, (_, n) => n));
    talk.socket.terminate();
  });
});

// Last, for it leaves the door shut for some seconds.
describe('too many requests', () => {
  it('are put off', async () => {
    const answers = await Promise.all(Array.from({ length: 360 }, () => post(agentPaths.enrol, {})));
    expect(answers.filter(({ status }) => status === 429).length).toBeGreaterThan(0);
  });
});
