// A fresh machine becomes a host as an operator is told to do it: the software from the gateway, checked by its checksum,
// then bin/join with a token. The machine is a network namespace; what runs there is real.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Drain, Host, HostEvent, Task } from '@berth/contract';
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { type ControlPlane, startControlPlane } from '../support/control-plane.js';
import { type NetnsHost, type Underlay, underlay } from '../support/netns-hosts.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { leftovers } from '../support/standalone.js';

const tag = `j${Math.random().toString(36).slice(2, 5)}`;
const instance = `${tag}join`;
const patience = { timeout: 90_000, interval: 200 };
const run = promisify(execFile);

let registry: TestRegistry;
let lan: Underlay;
let plane: ControlPlane;
let machine: NetnsHost;
let other: NetnsHost;
let directory: string;
let image: string;
let reachable: string;
let tenantKey: string;

const hostNamed = async (name: string) =>
  (await plane.call<{ items: Host[] }>('GET', '/v1/hosts')).items.find((host) => host.name === name);
const active = (name: string) =>
  vi.waitFor(async () => {
    const host = await hostNamed(name);
    expect(host?.state).toBe('active');
    return host as Host;
  }, patience);
const data = () => join(directory, 'data');

/** Runs bin/join of what was unpacked, on the new machine. @returns what it said. */
async function joinScript(...args: string[]): Promise<string> {
  const script = join(directory, 'berth/bin/join');
  const command = [`--net=/run/netns/${machine.instance}`, script, ...args, '--data', data()];
  return (await run('nsenter', command, { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } })).stdout;
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'berth-test-join-'));
  registry = await startRegistry();
  lan = await underlay(tag, 251);
  const registryPort = Number(registry.address.split(':')[1]);
  await lan.expose(registryPort);
  reachable = `${lan.address}:${registryPort}`;
  image = (await registry.push('busybox', {})).replace(registry.address, reachable);
  const port = String(20_000 + Math.floor(Math.random() * 10_000));
  plane = await startControlPlane(inject('databaseUrl'), {
    BERTH_GATEWAY_HOST: lan.address,
    BERTH_GATEWAY_PORT: port,
    BERTH_GATEWAY_URL: `wss://${lan.address}:${port}`,
    BERTH_INSECURE_REGISTRIES: reachable,
  });
  const { id } = await plane.call<{ id: string }>('POST', '/v1/tenants', { name: 'acme' });
  tenantKey = (await plane.call<{ secret: string }>('POST', `/v1/tenants/${id}/api-keys`, { name: 'k', role: 'developer' })).secret;
  machine = await lan.host('m');
  other = await lan.host('o');
});

afterAll(async () => {
  await joinScript('--leave').catch(() => {});
  await other?.destroy();
  await machine?.destroy();
  await plane?.destroy();
  await lan?.destroy();
  await registry?.stop();
  await rm(directory, { recursive: true, force: true });
});

describe('bin/join', () => {
  let hostId: string;

  it('comes from the gateway, and is what the API says', async () => {
    const software = await plane.call<{ url: string; sha256: string; sizeBytes: number }>('GET', '/v1/host-software');
    const file = await download(software.url);
    expect({ sha256: createHash('sha256').update(file).digest('hex'), sizeBytes: file.length }).toEqual({
      sha256: software.sha256,
      sizeBytes: software.sizeBytes,
    });
    await writeFile(join(directory, 'berth.tgz'), file);
    await run('tar', ['-xzf', join(directory, 'berth.tgz'), '-C', directory]);
  });

  it('makes the machine a host with the pool, zone and attributes of the token', async () => {
    const order = { pool: 'own', zone: 'cellar', attributes: { disk: 'ssd' } };
    const { token, joinUrl } = await plane.call<{ token: string; joinUrl: string }>('POST', '/v1/host-tokens', order);
    const settings = [`BERTH_INSECURE_REGISTRIES=${reachable}`, 'BERTH_AGENT_UID_BASE=1840000000', 'BERTH_AGENT_POOL_SIZE=1'];
    const said = await joinScript(joinUrl, token, '--name', 'joined', '--instance', instance, ...settings.flatMap((one) => ['--set', one]));
    const host = await active('joined');
    hostId = host.id;
    expect(said).toContain(`It is host ${host.id} now.`);
    expect(host).toMatchObject({ pool: 'own', zone: 'cellar', attributes: { disk: 'ssd', zone: 'cellar', pool: 'own' } });
    expect(await readFile(join(data(), 'agent.env'), 'utf8')).not.toContain(token);
  });

  it('does no harm when it is run again', async () => {
    expect(await joinScript()).toContain(`It is a host already: ${hostId}`);
    expect((await active('joined')).id).toBe(hostId);
    expect((await plane.call<{ items: Host[] }>('GET', '/v1/hosts')).items.length).toBe(1);
  });

  it('starts the agent again when it dies', async () => {
    const agents = async () =>
      (await run('pgrep', ['-f', `${directory}/berth/agent/.*dist/main.js run`]).catch(() => ({ stdout: '' }))).stdout.trim();
    const first = await vi.waitFor(async () => {
      const pid = await agents();
      expect(pid).toMatch(/^\d+$/);
      return Number(pid);
    }, patience);
    process.kill(first, 'SIGKILL');
    await vi.waitFor(async () => {
      const pid = await agents();
      expect(pid).toMatch(/^\d+$/);
      expect(Number(pid)).not.toBe(first);
    }, patience);
    await active('joined');
  });

  it('runs tasks there, which leave it when it is drained', async () => {
    const definition = { family: 'web', cpuMillis: 50, memoryMiB: 32, containers: [{ name: 'main', image, command: ['sleep', '3600'] }] };
    const { items } = await plane.call<{ items: Task[] }>('POST', '/v1/tasks', { definition, onHostDrain: 'replace' }, tenantKey);
    const id = items[0]?.id ?? '';
    const task = (of: string) => plane.call<Task>('GET', `/v1/tasks/${of}`, undefined, tenantKey);
    await vi.waitFor(async () => expect(await task(id)).toMatchObject({ state: 'running', host: { name: 'joined' } }), patience);
    other.startAgent({
      BERTH_GATEWAY_URL: plane.gatewayUrl,
      BERTH_HOST_TOKEN: await plane.hostToken(),
      BERTH_INSECURE_REGISTRIES: reachable,
    });
    await active('o');
    await plane.call<Drain>('POST', `/v1/hosts/${hostId}/drain`, { reason: 'leaving' });
    await vi.waitFor(async () => expect((await plane.call<Drain>('GET', `/v1/hosts/${hostId}/drain`)).outcome).toBe('drained'), patience);
    const gone = await task(id);
    expect(gone).toMatchObject({ state: 'stopped', stopCode: 'Replaced' });
    expect(await task(gone.replacedBy ?? '')).toMatchObject({ state: 'running', host: { name: 'o' }, replaces: id });
    const events = (await plane.call<{ items: HostEvent[] }>('GET', `/v1/hosts/${hostId}/events`)).items.map(({ type }) => type);
    expect(events).toEqual(['enrolled', 'drain-started', 'drained']);
  });

  it('--leave undoes it', async () => {
    await plane.call('DELETE', `/v1/hosts/${hostId}`);
    expect(await joinScript('--leave')).toContain('is no host any more');
    expect(leftovers(instance, data())).toEqual([]);
    expect(await hostNamed('joined')).toBeUndefined();
  });
});

/** As `curl -k`: the checksum is what counts. */
function download(url: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    get(url, { rejectUnauthorized: false, timeout: 180_000 }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve(Buffer.concat(chunks)));
      response.on('error', reject);
    }).on('error', reject);
  });
}
