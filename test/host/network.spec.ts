// The network of one host: security groups, published ports, rates, and what an agent's death leaves of them.
import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { type RuntimeHost, runtimeHost } from '../support/runtime-host.js';
import { containerSpec, startTask, taskSpec, until } from '../support/runtime-task.js';
import { fromGroup, inGroup, networkState, newTenant, tcp, tenantNetwork } from '../support/task-network.js';

const bridgedPacketsAreFiltered =
  existsSync('/proc/sys/net/bridge/bridge-nf-call-iptables') &&
  readFileSync('/proc/sys/net/bridge/bridge-nf-call-iptables', 'utf8').trim() === '1';
const acme = newTenant();
const other = newTenant();
const listener = 'echo up; while :; do echo hello | nc -l -p 8080; done';
let registry: TestRegistry;
let host: RuntimeHost;
let image: string;

beforeAll(async () => {
  registry = await startRegistry();
  image = await registry.push('busybox', {});
  host = await runtimeHost({ insecureRegistries: [registry.address] });
  await host.call.start([]);
  await host.call.setNetwork(networkState([tenantNetwork(acme), tenantNetwork(other)]));
});

afterAll(async () => {
  await host?.destroy();
  await registry?.stop();
});

const task = (script: string, tenant = acme, network = inGroup(tenant.group)) =>
  taskSpec([containerSpec(image, ['sh', '-c', script])], { tenantId: tenant.tenantId, network });

/** Starts a task that answers “hello” on 8080, and waits until it does. */
async function server(tenant = acme, network = inGroup(tenant.group)) {
  const spec = task(listener, tenant, network);
  const { address, ports } = await host.call.prepare(spec);
  for (const container of spec.containers) await host.call.startContainer(spec, container);
  await until(async () => (await host.call.logs(spec.taskId, {})).length > 0);
  return { spec, address: address ?? '', ports };
}

/** Runs a command in the task's network namespace. */
async function inside(taskId: string, command: string): Promise<string> {
  const record = JSON.parse(await host.sh(`cat /run/${host.instance}/tasks/${taskId}/sandbox.json`)) as { slot: number };
  return host.sh(`nsenter --net=/run/${host.instance}/slots/${record.slot}/net sh -c '${command}' || true`);
}

const visit = (address: string, port = 8080) => `busybox nc -w 2 ${address} ${port} </dev/null || echo refused`;
const clean = async (...specs: { taskId: Parameters<typeof host.call.cleanup>[0] }[]) => {
  for (const { taskId } of specs) await host.call.cleanup(taskId);
};

describe('security groups', () => {
  it('let tasks of the same group reach each other, and nobody else', async () => {
    const target = await server();
    const [peer, stranger] = [task('sleep 600'), task('sleep 600', other)];
    for (const spec of [peer, stranger]) await startTask(host, spec);
    expect(await inside(peer.taskId, visit(target.address))).toBe('hello\n');
    expect(await inside(stranger.taskId, visit(target.address))).toBe('refused\n');
    await clean(target.spec, peer, stranger);
  });

  it('change for running tasks, port by port', async () => {
    const target = await server();
    const peer = task('sleep 600');
    await startTask(host, peer);
    await host.call.setNetwork(networkState([tenantNetwork(acme, [tcp(9999, { groupId: acme.group })])]));
    expect(await inside(peer.taskId, visit(target.address))).toBe('refused\n');
    await host.call.setNetwork(networkState([tenantNetwork(acme, [tcp(8080, { groupId: acme.group })])]));
    expect(await inside(peer.taskId, visit(target.address))).toBe('hello\n');
    await host.call.setNetwork(networkState([tenantNetwork(acme, [fromGroup(acme.group)], [])]));
    expect(await inside(peer.taskId, visit(target.address))).toBe('refused\n');
    await host.call.setNetwork(networkState([tenantNetwork(acme), tenantNetwork(other)]));
    await clean(target.spec, peer);
  });

  it('hold through the agent’s death, and a task of before is reached by one of after', async () => {
    const target = await server();
    await host.restart();
    await host.call.start([target.spec.taskId]);
    const [peer, stranger] = [task('sleep 600'), task('sleep 600', other)];
    for (const spec of [peer, stranger]) await startTask(host, spec);
    expect(await inside(peer.taskId, visit(target.address))).toBe('hello\n');
    expect(await inside(stranger.taskId, visit(target.address))).toBe('refused\n');
    await clean(target.spec, peer, stranger);
  });

  it('leave nothing of ended tasks in the firewall', async () => {
    const specs = await Promise.all(
      Array.from({ length: 6 }, async () => {
        const spec = task('sleep 600', acme, inGroup(acme.group, { mbps: 50, publishedPorts: [{ containerPort: 80, protocol: 'tcp' }] }));
        await startTask(host, spec);
        return spec;
      }),
    );
    const rules = () => host.sh(`nft -nn list table inet ${host.instance} | grep -cE "elements|limit rate_" || true`);
    expect(Number(await rules())).toBeGreaterThan(6);
    await clean(...specs);
    await until(async () => Number(await rules()) === 1);
  });
});

describe('published ports', () => {
  it('are reached by the host’s address and its loopback, and leave the task’s own address as it is', async () => {
    const network = inGroup(acme.group, { publishedPorts: [{ containerPort: 8080, protocol: 'tcp' }] });
    const target = await server(acme, network);
    const peer = task('sleep 600');
    await startTask(host, peer);
    const [port] = target.ports;
    expect(port).toMatchObject({ containerPort: 8080, protocol: 'tcp' });
    const own = (await host.sh("ip -4 -o route get 192.0.2.250 | sed 's/.*src \\([0-9.]*\\).*/\\1/'")).trim();
    for (const address of ['127.0.0.1', own]) expect(await host.sh(visit(address, port?.hostPort))).toBe('hello\n');
    expect(await inside(peer.taskId, visit(target.address))).toBe('hello\n');
    await clean(target.spec, peer);
  });

  // With this setting, which Docker and Kubernetes make, the kernel sends what was rewritten in a bridge straight to the
  // other port of it, where ports are kept apart. By its own address the task is reached all the same.
  it.skipIf(bridgedPacketsAreFiltered)(
    'are reached by the host’s address from tasks of the same host (not with bridge-nf-call-iptables)',
    async () => {
      const target = await server(acme, inGroup(acme.group, { publishedPorts: [{ containerPort: 8080, protocol: 'tcp' }] }));
      const peer = task('sleep 600');
      await startTask(host, peer);
      const own = (await host.sh("ip -4 -o route get 192.0.2.250 | sed 's/.*src \\([0-9.]*\\).*/\\1/'")).trim();
      expect(await inside(peer.taskId, visit(own, target.ports[0]?.hostPort))).toBe('hello\n');
      await clean(target.spec, peer);
    },
  );

  it('are open to the outside when the task names no group, and as its groups say when it does', async () => {
    const world = `${host.instance}p`;
    await host.sh(
      `ip netns add ${world} && ip link add ${world} type veth peer name out netns ${world} && ip addr add 198.51.100.9/30 dev ${world} && ip link set ${world} up && ip -n ${world} addr add 198.51.100.10/30 dev out && ip -n ${world} link set out up`,
    );
    try {
      const ports = { publishedPorts: [{ containerPort: 8080, protocol: 'tcp' as const }] };
      const open = await server(acme, inGroup(acme.group, { ...ports, publishedOpen: true }));
      const closed = await server(acme, inGroup(acme.group, ports));
      const from = (command: string) => host.sh(`ip netns exec ${world} ${command}`);
      expect(await from(visit('198.51.100.9', open.ports[0]?.hostPort))).toBe('hello\n');
      expect(await from(visit('198.51.100.9', closed.ports[0]?.hostPort))).toBe('refused\n');
      await host.call.setNetwork(networkState([tenantNetwork(acme, [tcp(8080, { cidr: '198.51.100.8/30' })])]));
      expect(await from(visit('198.51.100.9', closed.ports[0]?.hostPort))).toBe('hello\n');
      await host.call.setNetwork(networkState([tenantNetwork(acme), tenantNetwork(other)]));
      await clean(open.spec, closed.spec);
    } finally {
      await host.sh(`ip netns del ${world}`);
    }
  });

  it('that are fixed are had by one task, and by none when the host itself has them', async () => {
    const fixed = (hostPort: number) =>
      task('sleep 600', acme, inGroup(acme.group, { publishedPorts: [{ containerPort: 80, hostPort, protocol: 'tcp' }] }));
    const [first, second, hosts] = [fixed(18_080), fixed(18_080), fixed(Number(registry.address.split(':')[1]))];
    await host.call.prepare(first);
    await expect(host.call.prepare(second)).rejects.toMatchObject({
      stopCode: 'HostRefused',
      message: /18080\/tcp of the host is another task’s/,
    });
    if (Number(registry.address.split(':')[1]) <= 65_535)
      await expect(host.call.prepare(hosts)).rejects.toMatchObject({ stopCode: 'HostRefused', message: /in use by the host itself/ });
    await clean(first, second, hosts);
  });
});

describe('rates', () => {
  const seconds = 3;

  /** Megabits a second that arrive while one task sends all it can to another. */
  async function measured(sender: { mbps: number | null }, receiver: { mbps: number | null }): Promise<number> {
    // A listener that reads to the end of its input would hang up at once: it gets one that does not end.
    const sink = task('sleep 600 | nc -l -p 9000 >/dev/null', acme, inGroup(acme.group, receiver));
    const source = task('sleep 600', acme, inGroup(acme.group, sender));
    const address = await startTask(host, sink);
    await startTask(host, source);
    await until(async () => (await inside(sink.taskId, 'busybox netstat -ltn')).includes(':9000'));
    await inside(source.taskId, `busybox timeout ${seconds} busybox nc ${address} 9000 </dev/zero`);
    const received = await inside(sink.taskId, 'grep eth0 /proc/net/dev');
    await clean(sink, source);
    return (Number(received.trim().split(/\s+/)[1]) * 8) / seconds / 1_000_000;
  }

  it('bound what a task sends and what it receives, and are no bound for those that ask for none', async () => {
    const free = await measured({ mbps: null }, { mbps: null });
    const sends = await measured({ mbps: 20 }, { mbps: null });
    const receives = await measured({ mbps: null }, { mbps: 20 });
    expect(free).toBeGreaterThan(100);
    for (const rate of [sends, receives]) {
      expect(rate).toBeGreaterThan(5);
      expect(rate).toBeLessThan(30);
    }
  });
});
