// Names as containers see them: the platform's for the own tenant only, everything else by the host's resolvers, and
// what a hostile container may try.
import { randomUUID } from 'node:crypto';
import { guestPaths, namesRequestSchema, type TaskSpec } from '@berth/contract';
import { type DecodedPacket, encode } from 'dns-packet';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type AgentHost, agentHost, shellTask } from '../support/agent-host.js';
import { type Guest, guestOf } from '../support/guest.js';
import { startNameServer, type TestNameServer } from '../support/name-server.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';

const [own, other] = [randomUUID(), randomUUID()];
const lines = Array.from({ length: 20 }, (_, index) => `${index} ${'x'.repeat(200)}`);

let registry: TestRegistry;
let upstream: TestNameServer;
let host: AgentHost;
let image: string;
let web: Guest;
let second: Guest;
let stranger: Guest;
let webTask: TaskSpec;

const sleeper = (more: Partial<TaskSpec>) => shellTask(image, 'sleep 10000', { stopTimeoutSeconds: 0 }, more);
const question = (name: string, type: 'A' | 'AAAA' | 'TXT' | 'PTR' = 'A', id = 7) => ({
  type: 'query' as const,
  id,
  flags: 256,
  questions: [{ name, type }],
});
const addresses = (answer: DecodedPacket | null) => answer?.answers?.flatMap((one) => (one.type === 'A' ? one.data : [])).sort() ?? [];

beforeAll(async () => {
  registry = await startRegistry();
  image = await registry.push('busybox', {});
  upstream = await startNameServer({
    'example.com': [{ type: 'A', name: 'example.com', ttl: 60, data: '192.0.2.7' }],
    'big.example.com': lines.map((data) => ({ type: 'TXT', name: 'big.example.com', ttl: 60, data })),
  });
  host = await agentHost({ BERTH_INSECURE_REGISTRIES: registry.address, BERTH_AGENT_RESOLVERS: upstream.address });
  host.gateway.answers.set(guestPaths.names, (body) => {
    const { label } = namesRequestSchema.parse(body);
    return { addresses: label === 'faraway' ? ['10.255.0.9'] : [] };
  });
  await host.start();
  webTask = sleeper({ tenantId: own, name: 'web', family: 'Shop' });
  web = await guestOf(host, webTask);
  second = await guestOf(host, sleeper({ tenantId: own, name: 'second', family: 'Shop', revision: 2 }));
  stranger = await guestOf(host, sleeper({ tenantId: other, name: 'web', family: 'Shop' }));
});

afterAll(async () => {
  await host?.destroy();
  await upstream?.stop();
  await registry?.stop();
});

describe('a container', () => {
  it('has the agent for its name server, and the platform’s domains to search', async () => {
    const text = await web.inside('cat /etc/resolv.conf');
    expect(text).toMatch(new RegExp(`^nameserver ${web.gateway}\nsearch task.berth.internal berth.internal`));
  });

  it('finds a task of its tenant by name, in the long form and the short, with its own resolver', async () => {
    expect(await web.inside('nslookup second.task.berth.internal')).toContain(second.address);
    // By the machine's C library, with the container's file: busybox' own searches no domains.
    const file = `/run/${host.instance}/tasks/${webTask.taskId}/files/resolv.conf`;
    for (const name of ['second', 'second.task']) {
      const found = await web.inNetwork(`unshare -m sh -c 'mount --bind ${file} /etc/resolv.conf && getent ahostsv4 ${name}'`);
      expect(found, name).toContain(second.address);
    }
  });

  it('finds one by its id', async () => {
    const names = [webTask.taskId, webTask.taskId.slice(0, 8)];
    for (const name of names) expect(addresses(await second.ask(question(`${name}.task.berth.internal`)))).toEqual([web.address]);
  });

  it('finds all running tasks of a family, of whatever revision', async () => {
    const answer = await web.ask(question('shop.family.berth.internal'));
    expect(addresses(answer)).toEqual([web.address, second.address].sort());
    expect(answer).toMatchObject({ rcode: 'NOERROR', flag_aa: true });
  });

  it('sees its own tenant’s tasks only', async () => {
    expect(addresses(await stranger.ask(question('web.task.berth.internal')))).toEqual([stranger.address]);
    for (const name of ['second', webTask.taskId, webTask.taskId.slice(0, 8)]) {
      expect(await stranger.ask(question(`${name}.task.berth.internal`)), name).toMatchObject({ rcode: 'NXDOMAIN', answers: [] });
    }
    await expect(stranger.inside('nslookup second.task.berth.internal')).rejects.toThrow();
    expect(addresses(await stranger.ask(question('shop.family.berth.internal')))).toEqual([stranger.address]);
  });

  it('finds tasks of its tenant on other hosts by the control plane’s word', async () => {
    expect(addresses(await web.ask(question('faraway.task.berth.internal')))).toEqual(['10.255.0.9']);
  });

  it('learns the name of an address of its own tenant and of no other', async () => {
    const reverse = (address: string) => question(`${address.split('.').reverse().join('.')}.in-addr.arpa`, 'PTR');
    expect((await web.ask(reverse(second.address)))?.answers).toMatchObject([
      { type: 'PTR', data: expect.stringMatching(/\.task\.berth\.internal$/) },
    ]);
    expect(await stranger.ask(reverse(second.address))).toMatchObject({ rcode: 'NXDOMAIN' });
  });

  it('is told "there is none" for IPv6 and for names that are not there, and nobody outside is asked', async () => {
    expect(await web.ask(question('second.task.berth.internal', 'AAAA'))).toMatchObject({ rcode: 'NOERROR', answers: [] });
    expect(await web.ask(question('nowhere.berth.internal'))).toMatchObject({ rcode: 'NXDOMAIN', authorities: [{ type: 'SOA' }] });
    expect(upstream.asked.filter((name) => name.endsWith('berth.internal'))).toEqual([]);
  });

  it('does not find a task that was stopped', async () => {
    const brief = sleeper({ tenantId: own, name: 'brief' });
    const guest = await guestOf(host, brief);
    expect(addresses(await web.ask(question('brief.task.berth.internal')))).toEqual([guest.address]);
    host.stop(brief);
    await host.reported(brief, ({ state }) => state === 'stopped');
    expect(await web.ask(question('brief.task.berth.internal'))).toMatchObject({ rcode: 'NXDOMAIN' });
  });
});

describe('the world outside', () => {
  it('is answered by the host’s resolver, with the id of the question', async () => {
    const answer = await web.ask(question('example.com', 'A', 4711));
    expect(answer).toMatchObject({ id: 4711, rcode: 'NOERROR', flag_aa: false });
    expect(addresses(answer)).toEqual(['192.0.2.7']);
    expect(await web.inside('nslookup example.com')).toContain('192.0.2.7');
  });

  it('is cut over UDP and whole over TCP when it is big', async () => {
    expect(await web.ask(question('big.example.com', 'TXT'))).toMatchObject({ flag_tc: true, answers: [] });
    const whole = await web.ask(question('big.example.com', 'TXT'), 'tcp');
    expect(whole?.answers).toHaveLength(lines.length);
  });

  it('fails in words when no resolver answers, and the platform’s names do not', async () => {
    upstream.silent = true;
    try {
      expect(await web.ask(question('example.com'))).toMatchObject({ rcode: 'SERVFAIL' });
      expect(addresses(await web.ask(question('second.task.berth.internal'), 'tcp'))).toEqual([second.address]);
    } finally {
      upstream.silent = false;
    }
  });
});

describe('a hostile container', () => {
  it('gets nothing for garbage, and does no harm with it', async () => {
    const loop = Buffer.concat([encode(question('a')).subarray(0, 12), Buffer.from([0xc0, 0x0c, 0, 1, 0, 1])]);
    expect(await web.ask(loop)).toMatchObject({ rcode: 'FORMERR' });
    const script = `i=0; while [ $i -lt 40 ]; do head -c $((i * 37 % 1400 + 1)) /dev/urandom | nc -u -w 1 ${web.gateway} 53 & i=$((i + 1)); done; wait`;
    await web.inside(script).catch(() => {});
    await web.inside(`head -c 100000 /dev/urandom | nc -w 2 ${web.gateway} 53`).catch(() => {});
    expect(addresses(await second.ask(question('web.task.berth.internal')))).toEqual([web.address]);
  });

  it('floods its own share only', async () => {
    const flood = `
      const s = require('dgram').createSocket('udp4'); const q = Buffer.from('${encode(question('example.com')).toString('hex')}', 'hex');
      let n = 0; s.on('message', () => { n++; });
      s.connect(53, '${web.gateway}', async () => {
        for (let i = 0; i < 20000; i++) { s.send(q); if (i % 200 === 0) await new Promise((r) => setImmediate(r)); }
        setTimeout(() => { console.log(n); process.exit(); }, 1500);
      });`;
    const before = upstream.asked.length;
    const flooding = web.inNetwork(`${process.execPath} -e "${flood.replaceAll('\n', ' ')}"`);
    const during = await Promise.all([1, 2, 3].map(() => second.ask(question('web.task.berth.internal'))));
    for (const answer of during) expect(addresses(answer)).toEqual([web.address]);
    await flooding;
    expect(upstream.asked.length - before).toBeLessThan(3000);
  });
});

describe('when the agent dies', () => {
  it('names are gone, and there again with the next one', async () => {
    await host.kill('SIGKILL');
    expect(await web.ask(question('second.task.berth.internal'))).toBeNull();
    await host.start();
    await vi.waitFor(async () => expect(addresses(await web.ask(question('second.task.berth.internal')))).toEqual([second.address]), {
      timeout: 30_000,
    });
    expect(addresses(await web.ask(question('example.com')))).toEqual(['192.0.2.7']);
  });
});
