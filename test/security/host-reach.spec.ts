// Tasks reach out for what runs on their host: by connections from inside, and by frames that no kernel would make for
// them. The control does the same with the host's firewall taken down.
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { macOf } from '@berth/contract';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { type AttackHost, attackHost, skipWithout, tierSize, tiers } from '../support/attack-host.js';
import { type Station, udpFrame } from '../support/frames.js';
import { sendFrames } from '../support/raw-packets.js';
import { containerSpec, runToEnd, startTask, taskSpec } from '../support/runtime-task.js';

let host: AttackHost;
let gateway: string;
let own: string;
/** On every address of the host, and on its loopback alone. */
let everywhere: Server;
let loopback: Server;
let datagrams: Socket;
const received: string[] = [];

beforeAll(async () => {
  host = await attackHost();
  everywhere = createServer((socket) => void socket.on('error', () => {}).end('reached'));
  loopback = createServer((socket) => void socket.on('error', () => {}).end('reached'));
  everywhere.listen(0, '0.0.0.0');
  loopback.listen(0, '127.0.0.1');
  datagrams = createSocket('udp4').on('message', (text) => void received.push(text.toString()));
  datagrams.bind(0, '0.0.0.0');
  await Promise.all([everywhere, loopback, datagrams].map((it) => once(it as Server, 'listening')));
  const task = taskSpec([containerSpec(host.image, ['sleep', '1'])]);
  gateway = (await startTask(host.runtime, task)).replace(/\d+$/, '1');
  await host.runtime.call.cleanup(task.taskId);
  own = (await host.runtime.sh("ip -4 -o route get 192.0.2.250 | sed 's/.*src \\([0-9.]*\\).*/\\1/'")).trim();
});

afterAll(async () => {
  for (const it of [everywhere, loopback, datagrams]) it?.close();
  await host?.destroy();
});

const portOf = (server: Server) => (server.address() as AddressInfo).port;

/** What a task of the tier connects to, of all services by all addresses of the host. */
async function reachedBy(tier: (typeof tiers)[number]): Promise<string[]> {
  const services = {
    'a port of the host': portOf(everywhere),
    'a port of its loopback': portOf(loopback),
    'the database': Number(new URL(inject('databaseUrl')).port),
    'the registry': Number(host.registryAddress.split(':')[1]),
    ssh: 22,
  };
  const visits = Object.entries(services).flatMap(([name, port]) =>
    [gateway, own, '127.0.0.1'].map((address) => `nc -w 1 ${address} ${port} </dev/null >/dev/null 2>&1 && echo '${name} at ${address}'`),
  );
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

it('probe container: frames to the host’s addresses and its loopback reach no socket', async () => {
  expect(await heardOnHost()).toEqual([]);
});

it('probe container: without the firewall all of these come through (control)', async () => {
  const { instance, sh } = host.runtime;
  const chains = [...['input', 'egress', 'ingress'].map((chain) => `inet ${instance} ${chain}`), `bridge ${instance} from_tasks`];
  await sh(chains.map((chain) => `nft flush chain ${chain}`).join(' && '));
  expect(await reachedBy('container')).toEqual(
    expect.arrayContaining([`a port of the host at ${gateway}`, `a port of the host at ${own}`]),
  );
  expect(await heardOnHost()).toEqual(expect.arrayContaining(frames.slice(0, 3)));
});
