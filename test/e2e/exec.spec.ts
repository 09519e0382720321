// What is done inside tasks, over the API: who may, sessions that are used once, channels both ways, slow readers, events,
// and hosts that are connected to another replica. Hosts are simulated; test/host has the real ones.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { channels, type ExecSessionInfo, execLimits, type Task } from '@berth/contract';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type SimAgent, startSimAgent } from '../../agent/src/sim/sim-agent.js';
import { OpenStreams } from '../../src/http/open-streams.service.js';
import { type Api, startApi } from '../support/api.js';
import { type ChannelOptions, openChannels } from '../support/channel-client.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { pushTinyImage } from '../support/tiny-image.js';

let registry: TestRegistry;
let berth: Api;
/** On the same database; no host is connected to it. */
let other: Api;
let agent: SimAgent;
let tenant: { id: string; key: string };
let task: Task;

beforeAll(async () => {
  registry = await startRegistry();
  await pushTinyImage(registry.address, 'busybox', 'latest', 'one');
  const settings = { BERTH_DEFAULT_REGISTRY: registry.address, BERTH_INSECURE_REGISTRIES: registry.address };
  berth = await startApi(settings);
  const { databaseUrl, pkiDir, operatorKey } = berth.config;
  other = await startApi({ ...settings, DATABASE_URL: databaseUrl, BERTH_PKI_DIR: pkiDir, BERTH_OPERATOR_KEY: operatorKey ?? '' });
  tenant = await berth.newTenant('developer');
  const { body } = await berth.as(berth.operatorKey).post('/v1/host-tokens').send({}).expect(201);
  agent = await startSimAgent({
    gatewayUrl: berth.config.gateway.url,
    admission: { token: body.token },
    name: 'sim',
    capacity: { cpuMillis: 4_000, memoryMiB: 4_000, taskSlots: 20 },
  });
  task = await runningTask();
});
afterAll(async () => {
  await agent?.stop();
  await other?.stop();
  await berth?.stop();
  await registry?.stop();
});

async function untilState(id: string, state: string): Promise<void> {
  await vi.waitUntil(async () => (await berth.as(tenant.key).get(`/v1/tasks/${id}`)).body.state === state, { timeout: 20_000 });
}

async function runningTask(): Promise<Task> {
  const definition = { family: 'serve', containers: [{ name: 'main', image: 'busybox', command: ['serve'] }] };
  const { body } = await berth.as(tenant.key).post('/v1/tasks').send({ definition }).expect(201);
  await untilState(body.items[0].id, 'running');
  return body.items[0];
}

async function session(command: string[], more: object = {}, at: Api = berth): Promise<ExecSessionInfo> {
  return (
    await at
      .as(tenant.key)
      .post(`/v1/tasks/${task.id}/exec`)
      .send({ command, ...more })
      .expect(201)
  ).body;
}

async function exec(command: string[], more: object = {}, at: Api = berth) {
  const { url, token } = await session(command, more, at);
  return openChannels(`${at.url}${url}`, { token });
}

const refusal = (path: string, options: ChannelOptions) =>
  openChannels(`${berth.url}${path}`, options).then(
    ({ socket }) => {
      socket.terminate();
      return 'opened';
    },
    (error: { status: number; code: string }) => `${error.status} ${error.code}`,
  );

async function eventsOf(type: string): Promise<string[]> {
  const { body } = await berth.as(tenant.key).get(`/v1/tasks/${task.id}/events?limit=500`).expect(200);
  return body.items.filter((event: { type: string }) => event.type === type).map((event: { reason: string }) => event.reason);
}

describe('a session', () => {
  it('gives input to the program, its output back, and its code at the end', async () => {
    const client = await exec(['cat']);
    await client.write('one ');
    await client.until((text) => text === 'one ');
    await client.write('two');
    client.endInput();
    expect(await client.ended).toEqual({ exitCode: 0 });
    expect(client.text()).toBe('one two');
    expect(await (await exec(['exit', '7'])).ended).toEqual({ exitCode: 7 });
  });

  it('tells the program the size of its terminal, at the start and later', async () => {
    const client = await exec(['size'], { tty: true, size: { columns: 100, rows: 30 } });
    await client.until((text) => text.includes('100x30'));
    client.resize(120, 40);
    await client.until((text) => text.includes('120x40'));
    client.socket.close();
  });

  it('says what could not be run', async () => {
    expect(await (await exec(['no-such-program'])).ended).toEqual({
      error: { code: 'exec_failed', message: expect.stringContaining('"no-such-program"') },
    });
  });

  it('is in the task’s events: what, by whom, and how it ended', async () => {
    await (await exec(['exit', '3'])).ended;
    await expect
      .poll(() => eventsOf('exec-ended'))
      .toContainEqual(expect.stringMatching(/^exit 3 in main ended with 3 after [\d.]+ s\. By the key developer \(berth_[0-9a-f]{8}\)\.$/));
    expect(await eventsOf('exec-started')).toContainEqual(expect.stringMatching(/^exit 3 in main\. By the key developer/));
  });

  it('ends on the host when the client goes, and with the task', async () => {
    const client = await exec(['sleep']);
    client.socket.terminate();
    await expect.poll(() => eventsOf('exec-ended')).toContainEqual(expect.stringMatching(/^sleep in main broke off/));
    await expect.poll(() => berth.app.get(OpenStreams).count).toBe(0);
  });

  it('holds the program back while nobody reads, and loses nothing', async () => {
    const client = await exec(['print', '50000000']);
    client.socket.pause();
    await sleep(1_000);
    // The program writes as much as it may at once: were nobody held back, all of it would be here by now.
    expect(client.bytes()).toBeLessThan(5_000_000);
    client.socket.resume();
    expect(await client.ended).toEqual({ exitCode: 0 });
    expect(client.bytes()).toBe(50_000_000);
  });

  it('takes nothing but its channels from a client', async () => {
    const client = await exec(['cat']);
    const closed = new Promise((resolve) => client.socket.once('close', resolve));
    client.socket.send(Uint8Array.of(channels.start, 0x7b, 0x7d));
    expect(await closed).toBe(1008);
    const texts = await exec(['cat']);
    const textClosed = new Promise((resolve) => texts.socket.once('close', resolve));
    texts.socket.send('0text');
    expect(await textClosed).toBe(1008);
  });
});

describe('who may open one', () => {
  it('whoever has its token, once', async () => {
    const { url, token } = await session(['exit', '0']);
    expect(await refusal(url, { token: 'x'.repeat(43) })).toBe('410 session_expired');
    expect(await (await openChannels(`${berth.url}${url}`, { token })).ended).toEqual({ exitCode: 0 });
    expect(await refusal(url, { token })).toBe('410 session_expired');
  });

  it('whoever has a key of the same tenant that may', async () => {
    const viewer = await berth.newKey(tenant.id, 'viewer');
    const stranger = await berth.newTenant();
    const { url } = await session(['exit', '0']);
    expect(await refusal(url, {})).toBe('401 unauthenticated');
    expect(await refusal(url, { key: 'berth_wrong' })).toBe('401 unauthenticated');
    expect(await refusal(url, { key: viewer })).toBe('403 forbidden');
    expect(await refusal(url, { key: stranger.key })).toBe('404 not_found');
    expect(await refusal(url, { key: berth.operatorKey })).toBe('403 forbidden');
    expect(await (await openChannels(`${berth.url}${url}`, { key: tenant.key })).ended).toEqual({ exitCode: 0 });
    const ofStranger = `/v1/tasks/${task.id}/forward?port=80`;
    expect(await refusal(ofStranger, { key: stranger.key })).toBe('404 not_found');
    expect(await refusal(ofStranger, { key: viewer })).toBe('403 forbidden');
  });

  it('no page of another site', async () => {
    const { url, token } = await session(['exit', '0']);
    expect(await refusal(url, { token, origin: 'https://evil.example' })).toBe('403 bad_origin');
    expect(await refusal(url, { token, origin: 'null' })).toBe('403 bad_origin');
    expect(await (await openChannels(`${berth.url}${url}`, { token, origin: berth.url })).ended).toEqual({ exitCode: 0 });
  });

  it('nobody after it has expired, and not for a path that is none', async () => {
    const { id, url, token } = await session(['exit', '0']);
    await berth.database.query("UPDATE exec_sessions SET expires_at = now() - interval '1 second' WHERE id = $1", [id]);
    expect(await refusal(url, { token })).toBe('410 session_expired');
    expect(await refusal(`/v1/tasks/${task.id}/exec/${randomUUID()}`, { key: tenant.key })).toBe('410 session_expired');
    expect(await refusal(`/v1/tasks/${task.id}/exec/..%2f..`, { key: tenant.key })).toBe('410 session_expired');
    expect(await refusal('/v1/nothing', { key: tenant.key })).toBe('404 route_not_found');
  });

  it('only for a container that runs', async () => {
    const ask = (id: string, body: object) => berth.as(tenant.key).post(`/v1/tasks/${id}/exec`).send(body);
    expect((await ask(task.id, { command: ['cat'], container: 'other' })).body).toMatchObject({
      code: 'invalid_request',
      field: 'container',
    });
    expect((await ask(task.id, { command: [] })).status).toBe(422);
    expect((await ask(task.id, { command: ['a\0b'] })).status).toBe(422);
    const ended = await runningTask();
    await berth.as(tenant.key).post(`/v1/tasks/${ended.id}/stop`).expect(200);
    await untilState(ended.id, 'stopped');
    expect((await ask(ended.id, { command: ['cat'] })).body.code).toBe('container_not_running');
  });

  it('only so many sessions wait at one time', async () => {
    await berth.database.query(
      `INSERT INTO exec_sessions (id, tenant_id, task_id, key_id, request, token_hash, expires_at)
       SELECT gen_random_uuid(), $1, $2, 'x', '{}', '', now() + interval '1 minute' FROM generate_series(1, $3::int)`,
      [tenant.id, task.id, execLimits.waitingPerTenant],
    );
    const { status, body } = await berth
      .as(tenant.key)
      .post(`/v1/tasks/${task.id}/exec`)
      .send({ command: ['cat'] });
    expect({ status, code: body.code }).toEqual({ status: 429, code: 'too_many_sessions' });
    await berth.database.query("DELETE FROM exec_sessions WHERE key_id = 'x'");
  });
});

describe('a forwarded connection', () => {
  it('carries bytes both ways and ends when both are at their end', async () => {
    const client = await openChannels(`${berth.url}/v1/tasks/${task.id}/forward?port=8080`, { key: tenant.key });
    await client.write('ping');
    await client.until((text) => text === 'ping');
    client.endInput();
    expect(await client.ended).toEqual({ exitCode: 0 });
    expect(await eventsOf('forwarded')).toEqual([expect.stringMatching(/^Port 8080\./)]);
  });

  it('says that nobody listens', async () => {
    const client = await openChannels(`${berth.url}/v1/tasks/${task.id}/forward?port=1`, { key: tenant.key });
    expect(await client.ended).toMatchObject({ error: { code: 'port_closed' } });
    expect(await refusal(`/v1/tasks/${task.id}/forward?port=0`, { key: tenant.key })).toBe('422 invalid_request');
    expect(await refusal(`/v1/tasks/${task.id}/forward`, { key: tenant.key })).toBe('422 invalid_request');
  });
});

describe('copies', () => {
  it('come out as a body, and in from one', async () => {
    const out = await fetch(`${berth.url}/v1/tasks/${task.id}/archive?path=/etc/x`, { headers: { authorization: `Bearer ${tenant.key}` } });
    expect([out.status, out.headers.get('content-type'), await out.text()]).toEqual([200, 'application/x-tar', 'tar of /etc/x']);
    const put = (type: string) =>
      fetch(`${berth.url}/v1/tasks/${task.id}/archive?path=/etc`, {
        method: 'PUT',
        headers: { authorization: `Bearer ${tenant.key}`, 'content-type': type },
        body: Buffer.alloc(3_000_000),
      });
    expect((await put('application/x-tar')).status).toBe(204);
    expect((await put('application/json')).status).not.toBe(204);
    await expect.poll(() => eventsOf('copied-in')).toEqual([expect.stringMatching(/^\/etc in main, a tar of 3000000 bytes\. By the key/)]);
    expect(await eventsOf('copied-out')).toEqual([expect.stringMatching(/^\/etc\/x in main, a tar of 13 bytes\./)]);
  });

  it('say what is at a path', async () => {
    const stat = (path: string) => berth.as(tenant.key).get(`/v1/tasks/${task.id}/archive/stat?path=${path}`);
    expect((await stat('/etc')).body).toMatchObject({ kind: 'directory' });
    expect((await stat('/missing')).body.code).toBe('path_not_found');
    expect((await stat('relative')).status).toBe(422);
  });
});

describe('with two replicas', () => {
  it('the one that has no link to the host runs sessions on it all the same', async () => {
    const client = await exec(['cat'], {}, other);
    await client.write('through the other');
    client.endInput();
    expect(await client.ended).toEqual({ exitCode: 0 });
    expect(client.text()).toBe('through the other');
  });

  it('a session asked for here is opened there', async () => {
    const { url, token } = await session(['exit', '5']);
    expect(await (await openChannels(`${other.url}${url}`, { token })).ended).toEqual({ exitCode: 5 });
  });

  it('and reads logs of it', async () => {
    const { body } = await other.as(tenant.key).get(`/v1/tasks/${task.id}/logs`).expect(200);
    expect(body.items.map((line: { text: string }) => line.text)).toEqual(['started: serve']);
  });

  it('a host that nobody is connected to is unreachable', async () => {
    await agent.stop();
    const { status, body } = await other.as(tenant.key).get(`/v1/tasks/${task.id}/archive/stat?path=/etc`);
    expect({ status, code: body.code }).toEqual({ status: 503, code: 'host_unreachable' });
  });
});
