// What tasks send to the outside is metered to the byte, whatever becomes of the agent meanwhile; what stays among tasks and
// the host's own services is not.
import type { TaskSpec, UsageRecord } from '@berth/contract';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { type AgentHost, agentHost, shellTask } from '../support/agent-host.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { inGroup, networkState, newTenant, tenantNetwork } from '../support/task-network.js';

const acme = newTenant();
/** A machine outside, at the other end of a cable of the host's. */
const outside = '198.51.100.14';
const hostSide = '198.51.100.13';
const patience = { timeout: 60_000, interval: 200 };
/** Of IPv4 and ICMP. */
const pingHeaders = 28;

let registry: TestRegistry;
let host: AgentHost;
let image: string;
let world: string;
let records: Map<string, UsageRecord>;

beforeAll(async () => {
  registry = await startRegistry();
  image = await registry.push('busybox', {});
});
afterAll(() => registry?.stop());

beforeEach(async () => {
  records = new Map();
  host = await agentHost({ BERTH_INSECURE_REGISTRIES: registry.address });
  host.gateway.usageIntervalMs = 1_000;
  await start();
  world = `${host.instance}w`;
  await host.sh(
    `ip netns add ${world} && ip link add ${world} type veth peer name out netns ${world} && ip addr add ${hostSide}/30 dev ${world} && ip link set ${world} up && ip -n ${world} addr add ${outside}/30 dev out && ip -n ${world} link set out up`,
  );
});
afterEach(async () => {
  await host.sh(`ip netns pids ${world} | xargs -r kill; ip netns del ${world}`);
  await host.destroy();
});

async function start(): Promise<void> {
  const link = await host.start();
  link.send({ type: 'network', version: 1, ...networkState([tenantNetwork(acme)]) });
}

const task = (script: string, more: object = {}) =>
  shellTask(image, script, { stopTimeoutSeconds: 1 }, { tenantId: acme.tenantId, network: inGroup(acme.group, more) });

async function running(...tasks: TaskSpec[]): Promise<void> {
  host.run(...tasks);
  for (const each of tasks) await host.reported(each, ({ state }) => state === 'running');
}

/** By all that was told so far, in whichever life of the agent. */
function bytesOf({ taskId }: TaskSpec): number {
  for (const record of host.link.usage) records.set(`${record.taskId}/${record.sequence}`, record);
  return [...records.values()].filter((record) => record.taskId === taskId).reduce((sum, { egressBytes = 0 }) => sum + egressBytes, 0);
}

const told = (spec: TaskSpec, bytes: number) => vi.waitUntil(() => bytesOf(spec) >= bytes, patience);

async function stopped(spec: TaskSpec): Promise<void> {
  host.stop(spec);
  await host.reported(spec, ({ state }) => state === 'stopped');
  await host.link.until(() => host.link.usage.some(({ taskId }) => taskId === spec.taskId));
}

/** By the task's own interface, as it would itself. */
async function inside({ taskId }: TaskSpec, command: string): Promise<string> {
  const { slot } = JSON.parse(await host.sh(`cat /run/${host.instance}/tasks/${taskId}/sandbox.json`)) as { slot: number };
  return host.sh(`nsenter --net=/run/${host.instance}/slots/${slot}/net sh -c '${command}'`);
}

async function ping(spec: TaskSpec, count: number, bytes: number, address = outside): Promise<number> {
  await inside(spec, `busybox ping -q -c ${count} -i 0.1 -s ${bytes} ${address} >/dev/null`);
  return count * (bytes + pingHeaders);
}

it('counts to the byte what leaves the host, through the agent’s death and counters that are lost, and nothing else', async () => {
  const [sender, peer] = [task('sleep 1000'), task('sleep 1000')];
  await running(sender, peer);
  const peerAddress = (await host.reported(peer, ({ address }) => address !== null)).address as string;
  const gateway = peerAddress.replace(/\d+$/, '1');
  let sent = await ping(sender, 5, 1_000);
  await ping(sender, 5, 1_000, peerAddress);
  await inside(sender, `busybox timeout 2 busybox nslookup example.org ${gateway} >/dev/null 2>&1 || true`);
  await told(sender, sent);

  await host.kill('SIGKILL');
  sent += await ping(sender, 7, 1_111);
  await start();
  await told(sender, sent);
  sent += await ping(sender, 2, 300);
  await told(sender, sent);

  // Somebody clears the host's tables while no agent is there: what was read before is neither lost nor told again.
  await host.kill('SIGKILL');
  await host.sh(`nft delete table ip ${host.instance}`);
  await start();
  await vi.waitUntil(() => host.sh(`nft list map ip ${host.instance} sent_by`).then((map) => map.includes('sent_')), patience);
  sent += await ping(sender, 3, 64);
  await stopped(sender);
  await stopped(peer);
  await told(sender, sent);
  expect(bytesOf(sender)).toBe(sent);
  expect(bytesOf(peer)).toBe(0);
  await vi.waitUntil(() => host.sh(`nft list counters table ip ${host.instance}`).then((text) => !text.includes('sent_')), patience);
});

it('counts what a task sent that ended by itself, and what it answers to whom it is published', async () => {
  const size = 3_000_000;
  // A listener that reads to the end of its input would hang up at once: it gets one that does not end.
  await host.sh(`ip netns exec ${world} sh -c '(sleep 1000 | busybox nc -l -p 9000) >/dev/null 2>&1 & sleep 0.3'`);
  const sender = task(`head -c ${size} /dev/zero | nc -w 5 ${outside} 9000; exit 0`);
  host.run(sender);
  await host.reported(sender, ({ state }) => state === 'stopped');
  await told(sender, size);
  // Headers: 20 bytes of IPv4, 20–60 of TCP, of as few packets as the kernel makes of it, or as many as fit the cable's 1450.
  expect(bytesOf(sender)).toBeLessThan(size * 1.06);

  const server = task(`echo up; head -c ${size} /dev/zero | nc -l -p 8080; sleep 1000`, {
    publishedPorts: [{ containerPort: 8080, protocol: 'tcp' }],
    publishedOpen: true,
  });
  await running(server);
  const { ports } = await host.reported(server, (report) => report.ports.length > 0);
  const fetch = `ip netns exec ${world} sh -c "sleep 3 | busybox nc ${hostSide} ${ports[0]?.hostPort} | wc -c"`;
  await vi.waitUntil(() => host.sh(fetch).then((received) => Number(received) === size), patience);
  await stopped(server);
  await told(server, size);
  expect(bytesOf(server)).toBeLessThan(size * 1.06);

  const silent = task('exit 0');
  host.run(silent);
  await host.reported(silent, ({ state }) => state === 'stopped');
  await host.link.until(() => host.link.usage.some(({ taskId }) => taskId === silent.taskId));
  expect(bytesOf(silent)).toBe(0);
});
