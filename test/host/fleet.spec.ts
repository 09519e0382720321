// A pool of real hosts: the stand-in for EC2 starts machines that are network namespaces, each boots by its user data, which
// is a shell script that runs bin/join; what the agents run there are real containers. From 1 host to 5 and back to none.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Host, Machine, Pool, Task } from '@berth/contract';
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { type ControlPlane, startControlPlane } from '../support/control-plane.js';
import type { CloudInstance } from '../support/ec2-cloud.js';
import { ec2Credentials } from '../support/ec2-query.js';
import { type Ec2Server, startEc2 } from '../support/ec2-server.js';
import { type NetnsHost, type Underlay, underlay } from '../support/netns-hosts.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { leftovers } from '../support/standalone.js';

const tag = `f${Math.random().toString(36).slice(2, 5)}`;
const region = 'eu-central-1';
const zones = { 'subnet-0000000a': 'eu-central-1a', 'subnet-0000000b': 'eu-central-1b' };
/** There is room for no more below 2^31. */
const [firstUid, idsPerAgent, uidRanges] = [200_000_000, 270_000_000, 7];
const patience = { timeout: 90_000, interval: 200 };
const run = promisify(execFile);

interface Machinery {
  readonly host: NetnsHost;
  readonly data: string;
  said: string;
}

let registry: TestRegistry;
let lan: Underlay;
let server: Ec2Server;
let plane: ControlPlane;
let directory: string;
let image: string;
let tenantKey: string;
let machinesMade = 0;
/** By instance. */
const booted = new Map<string, Machinery>();

/** Runs the machine's user data as cloud-init would. Its image has Berth where the pool's boot script expects it. */
async function boot({ id, userData }: CloudInstance) {
  const number = machinesMade++;
  const host = await lan.host(`m${number}`);
  const data = await mkdtemp(join(directory, 'machine-'));
  const machinery: Machinery = { host, data, said: '' };
  booted.set(id, machinery);
  const script = join(directory, `${id}.sh`);
  await writeFile(script, userData);
  const inside = async (env: NodeJS.ProcessEnv, ...command: string[]) =>
    (await run('nsenter', [`--net=/run/netns/${host.instance}`, ...command], { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', ...env } }))
      .stdout;
  // What machines of one test share with each other, and real ones don't.
  const apart = { INSTANCE: host.instance, DATA: data, UID_BASE: `${firstUid + (number % uidRanges) * idsPerAgent}` };
  machinery.said = await inside(apart, 'sh', script).catch((error: { stdout: string; stderr: string }) => `${error.stdout}${error.stderr}`);
  return {
    end: async () => {
      try {
        await inside({}, join(directory, 'berth/bin/join'), '--leave', '--data', data);
      } finally {
        await host.destroy();
      }
    },
  };
}

beforeAll(async () => {
  process.env.AWS_ACCESS_KEY_ID = ec2Credentials.accessKeyId;
  process.env.AWS_SECRET_ACCESS_KEY = ec2Credentials.secretAccessKey;
  directory = await mkdtemp(join(tmpdir(), 'berth-test-fleet-'));
  registry = await startRegistry();
  lan = await underlay(tag, 250);
  const registryPort = Number(registry.address.split(':')[1]);
  await lan.expose(registryPort);
  const reachable = `${lan.address}:${registryPort}`;
  image = (await registry.push('busybox', {})).replace(registry.address, reachable);
  server = await startEc2({ region, zones, launchTemplates: ['lt-0123456789abcdef0'], boot, listedAfterMs: 300 });
  const port = String(20_000 + Math.floor(Math.random() * 10_000));
  plane = await startControlPlane(inject('databaseUrl'), {
    BERTH_GATEWAY_HOST: lan.address,
    BERTH_GATEWAY_PORT: port,
    BERTH_GATEWAY_URL: `wss://${lan.address}:${port}`,
    BERTH_INSECURE_REGISTRIES: reachable,
    BERTH_EC2_REGION: region,
    BERTH_EC2_ENDPOINT: server.endpoint,
    BERTH_FLEET_INTERVAL_MS: '500',
  });
  const { id } = await plane.call<{ id: string }>('POST', '/v1/tenants', { name: 'acme' });
  tenantKey = (await plane.call<{ secret: string }>('POST', `/v1/tenants/${id}/api-keys`, { name: 'k', role: 'developer' })).secret;
  const software = await plane.call<{ url: string }>('GET', '/v1/host-software');
  await writeFile(join(directory, 'berth.tgz'), await download(software.url));
  await run('tar', ['-xzf', join(directory, 'berth.tgz'), '-C', directory]);
  const settings = {
    BERTH_INSECURE_REGISTRIES: reachable,
    BERTH_AGENT_UID_BASE: '$UID_BASE',
    BERTH_AGENT_POOL_SIZE: '2',
    BERTH_AGENT_CPU_MILLIS: '1000',
    BERTH_AGENT_MEMORY_MIB: '1000',
    BERTH_AGENT_TASK_SLOTS: '20',
  };
  const set = Object.entries(settings).map(([name, value]) => `--set "${name}=${value}"`);
  await plane.call('POST', '/v1/pools', {
    name: 'main',
    launchTemplate: { id: 'lt-0123456789abcdef0' },
    instanceTypes: [{ name: 'm7i.small', cpuMillis: 1000, memoryMiB: 1000, onDemandPrice: '0.05' }],
    zones: Object.entries(zones).map(([subnetId, name]) => ({ name, subnetId })),
    minHosts: 1,
    maxHosts: 6,
    cooldownSeconds: 2,
    bootScript: `exec ${directory}/berth/bin/join "$BERTH_JOIN_URL" "$BERTH_HOST_TOKEN" --data "$DATA" --instance "$INSTANCE" ${set.join(' ')}\n`,
  });
});

afterAll(async () => {
  await plane?.destroy();
  // Ends whatever runs there.
  await server?.close();
  await lan?.destroy();
  await registry?.stop();
  await rm(directory, { recursive: true, force: true });
});

const machines = async (state: string) =>
  (await plane.call<{ items: Machine[] }>('GET', '/v1/pools/main/machines')).items.filter((one) => one.state === state);
const said = () => [...booted.values()].map((one) => one.said).join('\n');
const settle = (states: Record<string, number>) =>
  vi.waitFor(async () => {
    for (const [state, count] of Object.entries(states)) expect(await machines(state), said()).toHaveLength(count);
  }, patience);
const asTenant = <T>(method: 'GET' | 'POST', url: string, body?: object) => plane.call<T>(method, url, body, tenantKey);
const seconds = '3601';
/** Processes of the tasks’ containers on this machine. */
const processes = async () => (await run('pgrep', ['-fc', `^sleep ${seconds}$`]).catch(() => ({ stdout: '0' }))).stdout.trim();

describe('a pool of real hosts', () => {
  let tasks: Task[];

  it('has its first host, which is what its user data says', async () => {
    await settle({ joined: 1 });
    const [host] = (await plane.call<{ items: Host[] }>('GET', '/v1/hosts')).items;
    const [machine] = await machines('joined');
    expect(host).toMatchObject({
      id: machine?.hostId,
      name: `main-${machine?.id.slice(0, 8)}`,
      zone: machine?.zone,
      pool: 'main',
      cpuMillis: 1000,
      attributes: { instanceType: 'm7i.small' },
    });
  });

  it('grows to 5 for 10 tasks that wait, and runs their containers', async () => {
    const definition = {
      family: 'web',
      cpuMillis: 500,
      memoryMiB: 64,
      ephemeralStorageMiB: 64,
      containers: [{ name: 'main', image, command: ['sleep', seconds], stopTimeoutSeconds: 1 }],
    };
    tasks = (await asTenant<{ items: Task[] }>('POST', '/v1/tasks', { definition, count: 10 })).items;
    await vi.waitFor(async () => {
      const { items } = await asTenant<{ items: Task[] }>('GET', '/v1/tasks?state=running');
      expect(items, said()).toHaveLength(10);
      expect(new Set(items.map(({ host }) => host?.id)).size).toBe(5);
    }, patience);
    expect(await processes()).toBe('10');
    expect((await plane.call<Pool>('GET', '/v1/pools/main')).hourlyPrice).toBe('0.2500');
    const hosts = (await plane.call<{ items: Host[] }>('GET', '/v1/hosts')).items;
    expect(hosts).toHaveLength(5);
    expect(new Set(hosts.map(({ zone }) => zone))).toEqual(new Set(Object.values(zones)));
    expect(server.cloud.alive).toHaveLength(5);
  });

  it('shrinks to 1 when they are over, and leaves nothing of the other 4', async () => {
    await Promise.all(tasks.map(({ id }) => asTenant('POST', `/v1/tasks/${id}/stop`, {})));
    await settle({ joined: 1, ended: 4 });
    await vi.waitFor(() => expect(server.cloud.alive).toHaveLength(1), patience);
    await vi.waitFor(() => expect(ended()).toHaveLength(4), patience);
    expect((await plane.call<{ items: Host[] }>('GET', '/v1/hosts')).items).toHaveLength(1);
    expect(await processes()).toBe('0');
    expect(ended().flatMap(traces)).toEqual([]);
  });

  it('goes when it is to have none, with nothing left behind', async () => {
    await plane.call('PATCH', '/v1/pools/main', { minHosts: 0, maxHosts: 0 });
    await vi.waitFor(() => plane.call('DELETE', '/v1/pools/main'), patience);
    await vi.waitFor(() => expect(ended()).toHaveLength(5), patience);
    expect((await plane.call<{ items: Host[] }>('GET', '/v1/hosts')).items).toEqual([]);
    expect(ended().flatMap(traces)).toEqual([]);
  });
});

const ended = () => [...server.cloud.instances.values()].filter(({ state }) => state === 'terminated');

function traces({ id }: CloudInstance): string[] {
  const machinery = booted.get(id);
  return machinery ? leftovers(machinery.host.instance, machinery.data) : [];
}

/** As `curl -k`: the test before this one (join.spec.ts) compares checksums. */
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
