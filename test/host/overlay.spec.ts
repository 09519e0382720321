// Several hosts: agents in network namespaces, joined to one control plane. Tasks reach each other by address wherever
// they run, the groups' rules hold between hosts as they do on one, and a host that is lost is forgotten.
import type { CreatedApiKey, SecurityGroup, Task, Tenant } from '@berth/contract';
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { type ControlPlane, startControlPlane } from '../support/control-plane.js';
import { type NetnsHost, type Underlay, underlay } from '../support/netns-hosts.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';

const tag = `o${Math.random().toString(36).slice(2, 5)}`;
const net = Math.floor(Math.random() * 250);
const taskNetwork = `10.${100 + Math.floor(net / 2)}.0.0/16`;
const patience = { timeout: 60_000, interval: 100 };

let registry: TestRegistry;
let lan: Underlay;
let plane: ControlPlane;
let hosts: NetnsHost[] = [];
let acme: string;
let other: string;
let image: string;

async function newTenant(name: string): Promise<string> {
  const tenant = await plane.call<Tenant>('POST', '/v1/tenants', { name });
  return (await plane.call<CreatedApiKey>('POST', `/v1/tenants/${tenant.id}/api-keys`, { name: 'test', role: 'developer' })).secret;
}

interface Placed {
  readonly task: Task;
  readonly host: NetnsHost;
}

/** Two tasks that answer “hello” on 8080, one on each host: a fixed port of the host is had by one task there. */
async function onEachHost(key: string, hostPort: number): Promise<[Placed, Placed]> {
  const script = 'while :; do echo hello | nc -l -p 8080; done';
  const definition = {
    family: `on-${hostPort}`,
    cpuMillis: 50,
    memoryMiB: 32,
    publishedPorts: [{ containerPort: 8080, hostPort }],
    // Named, so that its rules decide: what a task of no named group publishes is open anyway.
    securityGroups: ['default'],
    containers: [{ name: 'main', image, command: ['sh', '-c', script] }],
  };
  const { items } = await plane.call<{ items: Task[] }>('POST', '/v1/tasks', { definition, count: 2 }, key);
  const placed = await Promise.all(items.map(({ id }) => running(key, id)));
  expect(new Set(placed.map(({ host }) => host)).size).toBe(2);
  return placed as [Placed, Placed];
}

async function running(key: string, id: string): Promise<Placed> {
  const task = await vi.waitFor(async () => {
    const found = await plane.call<Task>('GET', `/v1/tasks/${id}`, undefined, key);
    if (found.state === 'stopped') throw new Error(`${found.stopCode}: ${found.stopReason}`);
    expect(found.state).toBe('running');
    return found;
  }, patience);
  return { task, host: hosts.find(({ name }) => name === task.host?.name) as NetnsHost };
}

const visit = (address: string | null, port = 8080) => `busybox nc -w 2 ${address} ${port} </dev/null || echo refused`;
const hears = (from: Placed, address: string | null, port?: number) => from.host.inTask(from.task.id, visit(address, port));
const routes = (host: NetnsHost) => host.sh(`ip route show dev ${host.instance}x 2>/dev/null || true`);

beforeAll(async () => {
  registry = await startRegistry();
  lan = await underlay(tag, net);
  const registryPort = Number(registry.address.split(':')[1]);
  await lan.expose(registryPort);
  const reachable = `${lan.address}:${registryPort}`;
  image = (await registry.push('busybox', {})).replace(registry.address, reachable);
  plane = await startControlPlane(inject('databaseUrl'), {
    BERTH_GATEWAY_HOST: lan.address,
    BERTH_INSECURE_REGISTRIES: reachable,
    BERTH_TASK_NETWORK: taskNetwork,
    BERTH_HOST_SUBNET_PREFIX: '24',
    BERTH_HOST_UNREACHABLE_AFTER_MS: '2000',
    BERTH_HOST_LOST_AFTER_MS: '4000',
  });
  for (const name of ['a', 'b']) hosts.push(await lan.host(name));
  for (const host of hosts) {
    host.startAgent({
      BERTH_GATEWAY_URL: `wss://${lan.address}:${plane.config.gateway.port}`,
      BERTH_HOST_TOKEN: await plane.hostToken(),
      BERTH_INSECURE_REGISTRIES: reachable,
      BERTH_AGENT_CPU_MILLIS: '4000',
      BERTH_AGENT_MEMORY_MIB: '4096',
      BERTH_AGENT_TASK_SLOTS: '50',
    });
  }
  acme = await newTenant('acme');
  other = await newTenant('other');
});

afterAll(async () => {
  for (const host of hosts) await host.destroy().catch((error) => console.error(error));
  hosts = [];
  await plane?.destroy();
  await lan?.destroy();
  await registry?.stop();
});

describe('tasks on different hosts', () => {
  let one: Placed;
  let two: Placed;

  it('have addresses of their host’s own part of the task network', async () => {
    await vi.waitFor(async () => {
      for (const host of hosts) expect(await routes(host)).toContain('via');
    }, patience);
    [one, two] = await onEachHost(acme, 18_080);
    const prefix = taskNetwork.split('.').slice(0, 2).join('.');
    const subnets = [one, two].map(({ task }) => task.address?.split('.').slice(0, 3).join('.'));
    expect(subnets.sort()).toEqual([`${prefix}.0`, `${prefix}.1`]);
    expect(one.task.ports).toEqual([{ containerPort: 8080, hostPort: 18_080, protocol: 'tcp' }]);
  });

  it('of one tenant reach each other by address, both ways', async () => {
    await vi.waitFor(async () => expect(await hears(one, two.task.address)).toBe('hello\n'), patience);
    await vi.waitFor(async () => expect(await hears(two, one.task.address)).toBe('hello\n'), patience);
  });

  it('carry whole packets: the overlay’s own headers fit beside them', async () => {
    const sent = await one.host.inTask(one.task.id, `busybox ping -c 2 -W 2 -s 1400 ${two.task.address}`);
    expect(sent).toContain('2 packets received');
  });

  it('send nothing to the outside by that: it is no egress', async () => {
    for (const { host, task } of [one, two]) {
      const counter = await host.sh(`nft list counter ip ${host.instance} sent_${task.id.replaceAll('-', '')}`);
      expect(counter).toMatch(/packets 0 bytes 0/);
    }
  });

  it('of different tenants do not, whatever their groups say', async () => {
    const everybody = [{ protocol: 'all', source: { cidr: '0.0.0.0/0' } }];
    for (const key of [acme, other]) await plane.call<SecurityGroup>('PATCH', '/v1/security-groups/default', { ingress: everybody }, key);
    const [third, fourth] = await onEachHost(other, 18_081);
    const stranger = third.host === one.host ? third : fourth;
    const local = third.host === two.host ? third : fourth;
    // The control: the stranger’s network works, to its own tenant’s task on the other host.
    await vi.waitFor(async () => expect(await hears(stranger, local.task.address)).toBe('hello\n'), patience);
    expect(await hears(stranger, two.task.address)).toBe('refused\n');
    expect(await hears(local, two.task.address)).toBe('refused\n');
    expect(await hears(one, two.task.address)).toBe('hello\n');
    for (const { task } of [third, fourth]) await plane.call('POST', `/v1/tasks/${task.id}/stop`, {}, other);
  });

  it('follow a change of their group’s rules within seconds', async () => {
    await plane.call<SecurityGroup>('PATCH', '/v1/security-groups/default', { ingress: [] }, acme);
    await vi.waitFor(async () => expect(await hears(one, two.task.address)).toBe('refused\n'), patience);
    const own = [{ protocol: 'tcp', fromPort: 8080, toPort: 8080, source: { group: 'default' } }];
    await plane.call<SecurityGroup>('PATCH', '/v1/security-groups/default', { ingress: own }, acme);
    await vi.waitFor(async () => expect(await hears(one, two.task.address)).toBe('hello\n'), patience);
  });

  it('reach no host’s own address, and hosts take packets of the overlay from hosts only', async () => {
    const port = plane.config.gateway.port;
    expect(await hears(one, lan.address, port)).toBe('refused\n');
    expect(await hears(one, two.host.address, 22)).toBe('refused\n');
    expect(await two.host.sh(`nft list chain inet ${two.host.instance} underlay`)).toContain('udp dport 4789 ip saddr != @peers drop');
    expect(await two.host.sh(`nft list set inet ${two.host.instance} peers`)).toContain(one.host.address);
  });

  it('on a host that is lost are forgotten with it', async () => {
    const subnet = one.task.address?.replace(/\.\d+$/, '.0/24') ?? '';
    expect(await routes(two.host)).toContain(subnet);
    await one.host.killAgent();
    await vi.waitFor(async () => expect(await routes(two.host)).not.toContain(subnet), patience);
  });
});
