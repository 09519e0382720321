// What containers are told of themselves, at the addresses where ECS and EC2 tell it: to real clients, to the asking task
// only, and not to whoever makes a container fetch a URL.
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { guestPaths, identityTokenRequestSchema, type TaskSpec } from '@berth/contract';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Identity } from '../../src/identity/identity.service.js';
import { claimsOf, subjectOf } from '../../src/identity/task-identity.js';
import { type AgentHost, agentHost, shellTask } from '../support/agent-host.js';
import { type Guest, guestOf, quoted } from '../support/guest.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';

const issuer = 'https://berth.example.com';
const imds = 'http://169.254.169.254';
const ecs = 'http://169.254.170.2';
const root = resolve(import.meta.dirname, '../..');

let registry: TestRegistry;
let host: AgentHost;
let keys: string;
let identity: Identity;
let webTask: TaskSpec;
let web: Guest;
let other: Guest;
let environment: Record<string, string>;
let otherEnvironment: Record<string, string>;

async function environmentOf(guest: Guest): Promise<Record<string, string>> {
  // crun exec starts from the container's own environment.
  const text = await guest.inside('env');
  return Object.fromEntries(text.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}

async function session(guest: Guest, seconds = 60): Promise<string[]> {
  const { body } = await guest.curl(`${imds}/latest/api/token`, '-X', 'PUT', '-H', `X-aws-ec2-metadata-token-ttl-seconds: ${seconds}`);
  return ['-H', `X-aws-ec2-metadata-token: ${body}`];
}

async function verified(token: string, audience = 'sts.amazonaws.com') {
  const jwks = createLocalJWKSet({ keys: await identity.publicKeys() });
  return (await jwtVerify(token, jwks, { issuer, audience, algorithms: ['ES256'] })).payload;
}

beforeAll(async () => {
  registry = await startRegistry();
  const image = await registry.push('busybox', {});
  keys = await mkdtemp(join(tmpdir(), 'berth-test-keys-'));
  identity = new Identity({ pkiDir: keys, publicUrl: issuer });
  host = await agentHost({
    BERTH_INSECURE_REGISTRIES: registry.address,
    BERTH_HOST_REGION: 'eu-north-9',
    BERTH_HOST_ZONE: 'eu-north-9b',
    BERTH_HOST_INSTANCE_TYPE: 'metal.large',
  });
  host.gateway.answers.set(guestPaths.identityToken, async (body) => {
    const { taskId, audience } = identityTokenRequestSchema.parse(body);
    const task = { taskId, tenantId: webTask.tenantId, tenantName: 'acme', name: null, family: 'web', revision: 3, hostId: randomUUID() };
    const { token, issuedAt, expiresAt } = await identity.sign(subjectOf(task), audience, claimsOf(task));
    return { token, issuedAt: issuedAt.toISOString(), expiresAt: expiresAt.toISOString() };
  });
  await host.start();
  const sleeper = (more: Partial<TaskSpec>) => shellTask(image, 'sleep 10000', { stopTimeoutSeconds: 0 }, more);
  webTask = sleeper({ tenantId: randomUUID(), name: 'web', family: 'web', revision: 3, userData: '#!/bin/sh\necho "hé"\n' });
  web = await guestOf(host, webTask);
  other = await guestOf(host, sleeper({ tenantId: randomUUID(), name: 'other', family: 'web' }));
  [environment, otherEnvironment] = [await environmentOf(web), await environmentOf(other)];
});

afterAll(async () => {
  await host?.destroy();
  await registry?.stop();
  if (keys) await rm(keys, { recursive: true, force: true });
});

describe('the task metadata of ECS', () => {
  const get = async (path: string) => JSON.parse(await web.inside(`wget -q -O- ${environment.ECS_CONTAINER_METADATA_URI_V4}${path}`));

  it('tells a container what it is', async () => {
    expect(await get('')).toMatchObject({
      Name: 'main',
      Image: webTask.containers[0]?.image,
      ImageID: webTask.containers[0]?.image.split('@')[1],
      DesiredStatus: 'RUNNING',
      KnownStatus: 'RUNNING',
      Type: 'NORMAL',
      StartedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      Labels: { 'com.amazonaws.ecs.task-definition-family': 'web', 'com.amazonaws.ecs.container-name': 'main' },
      Networks: [{ NetworkMode: 'awsvpc', IPv4Addresses: [web.address], DomainNameServers: [web.gateway] }],
    });
    const [network] = (await get('')).Networks;
    expect(await web.inside('cat /sys/class/net/eth0/address')).toContain(network.MACAddress);
  });

  it('tells it what its task is', async () => {
    expect(await get('/task')).toMatchObject({
      Cluster: 'default',
      TaskARN: `arn:berth:ecs:eu-north-9:${webTask.tenantId}:task/default/${webTask.taskId.replaceAll('-', '')}`,
      Family: 'web',
      Revision: '3',
      KnownStatus: 'RUNNING',
      Limits: { CPU: webTask.cpuMillis / 1000, Memory: 64 },
      AvailabilityZone: 'eu-north-9b',
      PullStartedAt: expect.any(String),
      PullStoppedAt: expect.any(String),
      Containers: [{ Name: 'main' }],
    });
  });

  it('counts what it uses, as Docker does', async () => {
    const first = await get('/stats');
    await web.inside('i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done');
    // Two looks within a quarter of a second see the same.
    const next = await vi.waitFor(async () => {
      const look = await get('/stats');
      expect(look.cpu_stats.cpu_usage.total_usage).toBeGreaterThan(first.cpu_stats.cpu_usage.total_usage);
      return look;
    });
    expect(next).toMatchObject({
      name: 'main',
      networks: { eth0: { rx_bytes: expect.any(Number) } },
      pids_stats: { current: expect.any(Number) },
    });
    expect(next.precpu_stats.cpu_usage.total_usage).toBeLessThan(next.cpu_stats.cpu_usage.total_usage);
    expect(next.memory_stats.usage).toBeGreaterThan(0);
    const all = await get('/task/stats');
    expect(Object.values(all)).toMatchObject([{ name: 'main' }]);
  });

  it('is not another task’s, not by its id and not without one', async () => {
    const theirs = otherEnvironment.ECS_CONTAINER_METADATA_URI_V4 ?? '';
    expect((await other.curl(theirs)).status).toBe(200);
    for (const url of [theirs, `${theirs}/task`, `${ecs}/v4/`, `${ecs}/v4/${randomUUID()}/task`, `${ecs}/`, `${ecs}/v2/metadata`]) {
      expect(await web.curl(url), url).toMatchObject({ status: 404 });
    }
    const credentials = `${ecs}${otherEnvironment.AWS_CONTAINER_CREDENTIALS_RELATIVE_URI}`;
    expect((await web.curl(credentials)).status).toBe(404);
  });

  it('lets a task protect itself from scale-in', async () => {
    const url = `${environment.ECS_AGENT_URI}/task-protection/v1/state`;
    const put = (body: object) => web.curl(url, '-X', 'PUT', '-H', 'Content-Type: application/json', '-d', JSON.stringify(body));
    expect(JSON.parse((await web.curl(url)).body).protection).toMatchObject({ ProtectionEnabled: false });
    const set = await put({ ProtectionEnabled: true, ExpiresInMinutes: 60 });
    expect(JSON.parse(set.body).protection).toMatchObject({ ProtectionEnabled: true, ExpirationDate: expect.any(String) });
    const report = await host.reported(webTask, ({ protection }) => protection?.expiresAt != null);
    expect(JSON.parse((await web.curl(url)).body).protection.ExpirationDate).toBe(report.protection?.expiresAt);
    for (const wrong of [{ ProtectionEnabled: true, ExpiresInMinutes: 0 }, { ProtectionEnabled: 'yes' }, {}]) {
      expect(await put(wrong)).toMatchObject({ status: 400 });
    }
    expect(JSON.parse((await put({ ProtectionEnabled: false })).body).protection).toMatchObject({ ProtectionEnabled: false });
  });
});

describe('the instance metadata of EC2', () => {
  it('is given for a session token only (version 2)', async () => {
    expect(await web.curl(`${imds}/latest/meta-data/instance-id`)).toMatchObject({ status: 401 });
    const token = await session(web);
    expect(await web.curl(`${imds}/latest/meta-data/instance-id`, ...token)).toEqual({
      status: 200,
      body: `i-${webTask.taskId.replaceAll('-', '').slice(0, 17)}`,
    });
  });

  it.each([
    ['without a time to live', ['-X', 'PUT'], 400],
    ['for no time', ['-X', 'PUT', '-H', 'X-aws-ec2-metadata-token-ttl-seconds: 0'], 400],
    ['for longer than six hours', ['-X', 'PUT', '-H', 'X-aws-ec2-metadata-token-ttl-seconds: 21601'], 400],
    ['through a proxy', ['-X', 'PUT', '-H', 'X-aws-ec2-metadata-token-ttl-seconds: 60', '-H', 'X-Forwarded-For: 10.0.0.1'], 403],
    ['by GET', ['-H', 'X-aws-ec2-metadata-token-ttl-seconds: 60'], 405],
  ])('gives no session token %s', async (_, args, status) => {
    expect(await web.curl(`${imds}/latest/api/token`, ...args)).toMatchObject({ status });
  });

  it('takes no token of another task, none that has ended and none that was made up', async () => {
    const [theirs, brief] = [await session(other), await session(web, 1)];
    await vi.waitFor(async () => expect((await web.curl(`${imds}/latest/`, ...brief)).status).toBe(401), { timeout: 20_000 });
    for (const headers of [theirs, ['-H', 'X-aws-ec2-metadata-token: AAAA'], ['-H', `X-aws-ec2-metadata-token: ${'x'.repeat(4000)}`]]) {
      expect((await web.curl(`${imds}/latest/meta-data/`, ...headers)).status).toBe(401);
    }
  });

  it('has what an instance has', async () => {
    const token = await session(web);
    const get = async (path: string) => (await web.curl(`${imds}/latest/${path}`, ...token)).body;
    expect((await get('meta-data/')).split('\n')).toEqual(
      expect.arrayContaining(['instance-id', 'local-ipv4', 'mac', 'placement/', 'iam/']),
    );
    expect(await get('meta-data/local-ipv4')).toBe(web.address);
    expect(await get('meta-data/placement/availability-zone')).toBe('eu-north-9b');
    expect(await get('meta-data/placement/region')).toBe('eu-north-9');
    expect(await get('meta-data/instance-type')).toBe('metal.large');
    const mac = await get('meta-data/mac');
    expect(await get(`meta-data/network/interfaces/macs/${mac}/local-ipv4s`)).toBe(web.address);
    expect(await get('user-data')).toBe(webTask.userData);
    expect(JSON.parse(await get('dynamic/instance-identity/document'))).toMatchObject({
      privateIp: web.address,
      accountId: webTask.tenantId,
    });
    expect(await web.inside(`nslookup ${await get('meta-data/local-hostname')}`)).toContain(web.address);
    expect((await web.curl(`${imds}/latest/meta-data/ami-id`, ...token)).status).toBe(404);
    expect((await other.curl(`${imds}/latest/user-data`, ...(await session(other)))).status).toBe(404);
    for (const path of ['__proto__', 'constructor', '../meta-data', 'meta-data/%2e%2e', `${'a/'.repeat(500)}`]) {
      expect((await web.curl(`${imds}/latest/${path}`, '--path-as-is', ...token)).status, path).toBe(404);
    }
  });

  it('answers no further than the asker: with a hop limit of 1', async () => {
    const table = `hops${host.instance}`;
    const nft = (text: string) => web.inNetwork(`nft ${quoted(text)}`);
    await nft(`add table ip ${table}; add chain ip ${table} c { type filter hook input priority 0; }`);
    await nft(
      `add rule ip ${table} c ip saddr 169.254.169.254 ip ttl 1 counter comment one; add rule ip ${table} c ip saddr 169.254.169.254 ip ttl != 1 counter comment more`,
    );
    await session(web);
    const counted = await nft(`list chain ip ${table} c`);
    await nft(`delete table ip ${table}`);
    expect(/ttl 1 counter packets (\d+)/.exec(counted)?.[1]).not.toBe('0');
    expect(/ttl != 1 counter packets (\d+)/.exec(counted)?.[1]).toBe('0');
  });
});

describe('the task’s identity', () => {
  it('is a token that anybody can check by the published keys', async () => {
    const token = await web.inside(`wget -q -O- "${environment.BERTH_IDENTITY_TOKEN_URI}?audience=vault.example.com"`);
    const payload = await verified(token, 'vault.example.com');
    expect(payload).toMatchObject({
      sub: `tenant/${webTask.tenantId}/family/web/task/${webTask.taskId}`,
      task_id: webTask.taskId,
      family: 'web',
      revision: 3,
    });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBeLessThanOrEqual(3600);
    await expect(verified(token, 'somebody.else')).rejects.toThrow();
    expect((await web.curl(`${environment.BERTH_IDENTITY_TOKEN_URI}?audience=%0A`)).status).toBe(400);
  });

  it('is what AWS’ own clients find as the credentials of the instance and of the container', async () => {
    const script = `
      import { fromContainerMetadata, fromInstanceMetadata } from '@smithy/credential-provider-imds';
      const found = [await fromInstanceMetadata({ timeout: 5000 })(), await fromContainerMetadata({ timeout: 5000 })()];
      console.log(JSON.stringify(found));`;
    const env = `env AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=${environment.AWS_CONTAINER_CREDENTIALS_RELATIVE_URI}`;
    const found = JSON.parse(await web.inNetwork(`cd ${root} && ${env} ${process.execPath} --input-type=module -e ${quoted(script)}`));
    expect(found).toHaveLength(2);
    for (const { sessionToken } of found) expect(await verified(sessionToken)).toMatchObject({ task_id: webTask.taskId });
  });

  it('is refused in words while the control plane gives none', async () => {
    const answer = host.gateway.answers.get(guestPaths.identityToken);
    host.gateway.answers.delete(guestPaths.identityToken);
    try {
      const { status, body } = await web.curl(`${environment.BERTH_IDENTITY_TOKEN_URI}?audience=new.example.com`);
      expect([status, body]).toEqual([503, expect.stringContaining('control plane')]);
      // One that was given before is still good.
      const known = await web.curl(`${environment.BERTH_IDENTITY_TOKEN_URI}?audience=vault.example.com`);
      expect(await verified(known.body, 'vault.example.com')).toMatchObject({ task_id: webTask.taskId });
    } finally {
      if (answer) host.gateway.answers.set(guestPaths.identityToken, answer);
    }
  });
});

describe('everything else', () => {
  let listener: Server;
  beforeAll(async () => {
    listener = createServer((socket) => socket.end('reached'));
    await new Promise<void>((done) => listener.listen(0, '0.0.0.0', done));
  });
  afterAll(() => new Promise((done) => listener.close(done)));

  it('of the host is out of reach: other ports, the services’ own, other link-local addresses', async () => {
    const { port } = listener.address() as { port: number };
    const urls = [
      `http://${web.gateway}:${port}/`,
      `http://${web.gateway}:51172/`,
      `http://${web.gateway}:51254/`,
      `http://${web.gateway}/`,
      `${imds}:8080/`,
      'http://169.254.169.253/',
      'http://169.254.170.3/',
      'http://169.254.1.1/',
    ];
    for (const url of urls) expect(await web.curl(url, '--max-time', '1'), url).toMatchObject({ status: 0 });
  });
});

describe('a hostile container', () => {
  it('holds a share of the connections only, and loses those that it lets hang', async () => {
    const script = `
      const net = require('net'); let open = 0, closed = 0;
      for (let i = 0; i < 60; i++) { const s = net.connect(80, '169.254.169.254'); s.on('error', () => {}); s.on('close', () => closed++); s.on('connect', () => { open++; s.write('GET /latest/ HTTP/1.1\\r\\nX-Slow: '); }); s.resume(); }
      setInterval(() => { if (closed === 60) { console.log(open); process.exit(); } }, 100);
      setTimeout(() => { console.log('still open: ' + (60 - closed)); process.exit(); }, 40000);`;
    const slow = web.inNetwork(`${process.execPath} -e ${quoted(script.replaceAll('\n', ' '))}`);
    const token = await session(other);
    expect((await other.curl(`${imds}/latest/meta-data/local-ipv4`, ...token)).body).toBe(other.address);
    expect(await slow).not.toContain('still open');
    expect((await web.curl(`${imds}/latest/`, ...(await session(web)))).status).toBe(200);
  });

  it('is refused what is too large or too much', async () => {
    const token = await session(web);
    expect((await web.curl(`${imds}/latest/`, ...token, '-H', `X-Large: ${'x'.repeat(20_000)}`)).status).toBe(0);
    const url = `${environment.ECS_AGENT_URI}/task-protection/v1/state`;
    expect((await web.curl(url, '-X', 'PUT', '-d', 'x'.repeat(5000))).status).toBe(413);
    const statuses = await web.inNetwork(`for i in 1 2 3; do curl -s -o /dev/null -w '%{http_code}\\n' '${ecs}/[1-99]?'; done`);
    expect(new Set(statuses.trim().split('\n'))).toEqual(new Set(['404', '429']));
    expect((await other.curl(`${imds}/latest/`, ...(await session(other)))).status).toBe(200);
  });
});

describe('when the agent dies', () => {
  it('metadata is away, and there again under the same ids and tokens', async () => {
    const token = await session(web, 600);
    await host.kill('SIGKILL');
    expect((await web.curl(`${imds}/latest/`, ...token, '--max-time', '2')).status).toBe(0);
    await host.start();
    await vi.waitFor(async () => expect((await web.curl(`${imds}/latest/`, ...token)).status).toBe(200), { timeout: 30_000 });
    expect((await web.curl(environment.ECS_CONTAINER_METADATA_URI_V4 ?? '')).status).toBe(200);
  });
});
