// Tasks reach out for what runs on their host: by connections from inside, and by frames that no kernel would make for
// them. The control does the same with the host's firewall taken down.
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { macOf } from '@berth/contract';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { type Api, startApi } from '../support/api.js';
import { type AttackHost, attackHost, skipWithout, tierSize, tiers } from '../support/attack-host.js';
import { type Station, udpFrame } from '../support/frames.js';
import { sendFrames } from '../support/raw-packets.js';
import { noRedis, startRedis } from '../support/redis.js';
import { containerSpec, runToEnd, startTask, taskSpec } from '../support/runtime-task.js';

let host: AttackHost;
let gateway: string;
let own: string;
/** On every address of the host, of both families, and on its loopback alone. */
let everywhere: Server;
let loopback: Server;
/** The platform's own parts, as careless as they can be set up: on every address, all of them. */
let platform: Api;
let redis: Awaited<ReturnType<typeof startRedis>> | null = null;
let database: Server;
let datagrams: Socket;
const received: string[] = [];

beforeAll(async () => {
  host = await attackHost();
  everywhere = createServer((socket) => void socket.on('error', () => {}).end('reached'));
  loopback = createServer((socket) => void socket.on('error', () => {}).end('reached'));
  everywhere.listen(0, '::');
  const { port: databasePort } = new URL(inject('databaseUrl'));
  database = createServer(
    (socket) =>
      void socket
        .pipe(connect(Number(databasePort), '127.0.0.1'))
        .on('error', () => {})
        .pipe(socket),
  );
  database.on('connection', (socket) => socket.on('error', () => {})).listen(0, '::');
  loopback.listen(0, '127.0.0.1');
  datagrams = createSocket('udp4').on('message', (text) => void received.push(text.toString()));
  datagrams.bind(0, '0.0.0.0');
  await Promise.all([everywhere, database, loopback, datagrams].map((it) => once(it as Server, 'listening')));
  platform = await startApi({ BERTH_HTTP_HOST: '0.0.0.0', BERTH_GATEWAY_HOST: '0.0.0.0' });
  if (!noRedis) redis = await startRedis('* -::*');
  const task = taskSpec([containerSpec(host.image, ['sleep', '1'])]);
  gateway = (await startTask(host.runtime, task)).replace(/\d+$/, '1');
  await host.runtime.call.cleanup(task.taskId);
  own = (await host.runtime.sh("ip -4 -o route get 192.0.2.250 | sed 's/.*src \\([0-9.]*\\).*/\\1/'")).trim();
});

afterAll(async () => {
  for (const it of [everywhere, database, loopback, datagrams]) it?.close();
  await redis?.stop();
  await platform?.stop();
  await host?.destroy();
});

const portOf = (server: Server) => (server.address() as AddressInfo).port;

const services = (): Readonly<Record<string, number>> => ({
  'a port of the host': portOf(everywhere),
  'a port of its loopback': portOf(loopback),
  PostgreSQL: portOf(database),
  ...(redis && { Redis: Number(new URL(redis.url).port) }),
  'the API': platform.config.http.port,
  'the agents’ gateway': platform.config.gateway.port,
  'the registry': Number(host.registryAddress.split(':')[1]),
  ssh: 22,
});

/** Those of them that listen beyond the loopback, whatever this machine has installed. */
const open = () => ['a port of the host', 'PostgreSQL', ...(redis ? ['Redis'] : []), 'the API', 'the agents’ gateway'];

/** Of the host, but for link-local ones, which need an interface. */
const sixth = () =>
  Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .flatMap(({ family, address }) => (family === 'IPv6' && !address.startsWith('fe80') ? [address] : []));

/** What a task of the tier connects to, of all services by all addresses of the host. */
async function reachedBy(tier: (typeof tiers)[number]): Promise<string[]> {
  const addresses = [gateway, own, '127.0.0.1', ...sixth(), 'fe80::1%eth0'];
  const visits = Object.entries(services()).map(([name, port]) => {
    const each = addresses.map((address) => `(nc -w 1 ${address} ${port} </dev/null >/dev/null 2>&1 && echo '${name} at ${address}') &`);
    return `${each.join(' ')} wait`;
  });
  const script = [...visits, 'echo done'].join('\n');
  const { stdout } = await runToEnd(host.runtime, taskSpec([containerSpec(host.image, ['sh', '-c', script])], tierSize(tier)));
  return stdout.trim().split('\n').slice(0, -1);
}

const frames = ['to the gateway', 'to the host', 'to its loopback', 'to its loopback as from itself'] as const;

/** Which of the frames a socket of the host has got. */
async function heardOnHost(): Promise<string[]> {
  received.splice(0);
  const task = taskSpec([containerSpec(host.image, ['sleep', '1000'])]);
  const address = await startTask(host.runtime, task);
  const { instance } = host.runtime;
  const { slot } = JSON.parse(await host.runtime.sh(`cat /run/${instance}/tasks/${task.taskId}/sandbox.json`)) as { slot: number };
  const { port } = datagrams.address();
  const attacker: Station = { mac: macOf(address), address };
  const to = (target: string): Station => ({ mac: macOf(gateway), address: target });
  await sendFrames({ instance, file: `/run/${instance}/slots/${slot}/net` }, [
    udpFrame(to(gateway), attacker, port, frames[0]),
    udpFrame(to(own), attacker, port, frames[1]),
    udpFrame(to('127.0.0.1'), attacker, port, frames[2]),
    udpFrame(to('127.0.0.1'), { ...attacker, address: '127.0.0.1' }, port, frames[3]),
  ]);
  const end = createSocket('udp4');
  end.send('the end', port, '127.0.0.1');
  await expect.poll(() => received.at(-1)).toBe('the end');
  end.close();
  await host.runtime.call.cleanup(task.taskId);
  return received.slice(0, -1);
}

for (const tier of tiers) {
  it(`probe ${tier}: a task connects to nothing of its host, neither agent nor database nor registry`, async (context) => {
    skipWithout(tier, context);
    expect(await reachedBy(tier)).toEqual([]);
  });
}

it('probe container: each of these listens, and the host itself reaches it (control)', async () => {
  const reached = async (address: string, port: number) => {
    const socket = connect(port, address);
    const outcome = await Promise.race([once(socket, 'connect').then(() => true), once(socket, 'error').then(() => false)]).catch(
      () => false,
    );
    socket.destroy();
    return outcome;
  };
  const both = new Set(['a port of the host', 'PostgreSQL', 'Redis']);
  for (const name of open())
    for (const address of [gateway, own, ...(both.has(name) ? sixth() : [])])
      expect(await reached(address, services()[name] ?? 0), `${name} at ${address}`).toBe(true);
});

it('probe container: frames to the host’s addresses and its loopback reach no socket', async () => {
  expect(await heardOnHost()).toEqual([]);
});

it('probe container: without the firewall all of these come through (control)', async () => {
  const { instance, sh } = host.runtime;
  const chains = [...['input', 'egress', 'ingress'].map((chain) => `inet ${instance} ${chain}`), `bridge ${instance} from_tasks`];
  await sh(chains.map((chain) => `nft flush chain ${chain}`).join(' && '));
  expect(await reachedBy('container')).toEqual(
    expect.arrayContaining(open().flatMap((name) => [`${name} at ${gateway}`, `${name} at ${own}`])),
  );
  expect(await heardOnHost()).toEqual(expect.arrayContaining(frames.slice(0, 3)));
});
