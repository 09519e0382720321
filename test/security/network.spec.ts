// One tenant's task sends to another's whatever a network card can send: real frames, by root of the host from within the
// task's network namespace, so that what holds them up is the host's doing and not the container's lack of rights. The
// control sends the same with the host's defence taken down.
import { createSocket } from 'node:dgram';
import { macOf } from '@berth/contract';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type AttackHost, attackHost, skipWithout, tierSize, tiers } from '../support/attack-host.js';
import {
  allNodes,
  arpFrame,
  everybody,
  ipv6Frame,
  linkLocal,
  multicast,
  type Station,
  tagged,
  tcpFrame,
  udpFrame,
} from '../support/frames.js';
import { type InNamespace, listen, sendFrames } from '../support/raw-packets.js';
import { containerSpec, startTask, taskSpec } from '../support/runtime-task.js';
import { inGroup, networkState, newTenant, type TestTenant, tenantNetwork } from '../support/task-network.js';

interface Placed extends Station {
  readonly namespace: InNamespace;
}

/** Who is there: an attacker, its victim, a friend of the victim's tenant, and the bridge that routes for all. */
interface Scene {
  readonly attacker: Placed;
  readonly victim: Placed;
  readonly friend: Placed;
  readonly bridge: Station;
}

type Attack = readonly [what: string, frame: (scene: Scene, mark: string) => Buffer];

const via = (to: Station, by: Station): Station => ({ mac: by.mac, address: to.address });
const attacks: readonly Attack[] = [
  [
    'an ARP question to all',
    ({ attacker, victim }, mark) => arpFrame('request', attacker, { ...victim, mac: '00:00:00:00:00:00' }, undefined, mark),
  ],
  [
    'an ARP answer that takes the gateway’s address',
    ({ attacker, victim, bridge }, mark) => arpFrame('reply', { mac: attacker.mac, address: bridge.address }, victim, victim.mac, mark),
  ],
  [
    'an ARP answer that takes a friend’s address',
    ({ attacker, victim, friend }, mark) => arpFrame('reply', { mac: attacker.mac, address: friend.address }, victim, victim.mac, mark),
  ],
  ['UDP straight to its MAC', ({ attacker, victim }, mark) => udpFrame(victim, attacker, 9, mark)],
  ['UDP by way of the host', ({ attacker, victim, bridge }, mark) => udpFrame(via(victim, bridge), attacker, 9, mark)],
  ['TCP straight to its MAC', ({ attacker, victim }, mark) => tcpFrame(victim, attacker, 8080, mark)],
  ['TCP by way of the host', ({ attacker, victim, bridge }, mark) => tcpFrame(via(victim, bridge), attacker, 8080, mark)],
  ['IPv4 multicast', ({ attacker }, mark) => udpFrame(multicast, attacker, 5353, mark)],
  ['IPv4 broadcast', ({ attacker }, mark) => udpFrame(everybody, attacker, 67, mark)],
  ['IPv6 to all nodes of the link', ({ attacker }, mark) => ipv6Frame(allNodes.mac, allNodes.address, attacker.mac, 9, mark)],
  ['IPv6 to its link-local address', ({ attacker, victim }, mark) => ipv6Frame(victim.mac, linkLocal(victim.mac), attacker.mac, 9, mark)],
  ['a frame with a VLAN tag', ({ attacker, victim }, mark) => tagged(udpFrame(victim, attacker, 9, mark), 1)],
  ['a frame under a friend’s MAC', ({ attacker, victim, friend }, mark) => udpFrame(victim, attacker, 9, mark, friend.mac)],
  [
    'a packet under a friend’s address',
    ({ attacker, victim, friend, bridge }, mark) => udpFrame(via(victim, bridge), { mac: attacker.mac, address: friend.address }, 9, mark),
  ],
  [
    'a packet under a friend’s address and MAC',
    ({ victim, friend, bridge }, mark) => udpFrame(via(victim, bridge), { mac: friend.mac, address: friend.address }, 9, mark),
  ],
  [
    'a packet under the gateway’s address',
    ({ attacker, victim, bridge }, mark) => udpFrame(victim, { mac: attacker.mac, address: bridge.address }, 9, mark),
  ],
];
const markOf = (index: number) => `berth-attack-${index}-`;

const [mallory, alice] = [newTenant(), newTenant()];
let host: AttackHost;
const arrived = new Map<string, { readonly defended: ReadonlySet<number>; readonly open: ReadonlySet<number> }>();
let flood: { readonly heard: number; readonly after: string };

beforeAll(async () => {
  host = await attackHost();
  await host.runtime.call.setNetwork(networkState([tenantNetwork(mallory), tenantNetwork(alice)]));
  const scenes = new Map<string, Scene>();
  for (const tier of tiers) if (isHere(tier)) scenes.set(tier, await sceneOf(tier));
  const defended = new Map<string, ReadonlySet<number>>();
  for (const [tier, scene] of scenes) defended.set(tier, await attack(scene));
  flood = await floodOf(scenes.get('container') as Scene);
  await takeDefenceDown();
  for (const [tier, scene] of scenes) arrived.set(tier, { defended: defended.get(tier) ?? new Set(), open: await attack(scene) });
});
afterAll(() => host?.destroy());

function isHere(tier: (typeof tiers)[number]): boolean {
  let here = true;
  skipWithout(tier, { skip: () => (here = false) } as never);
  return here;
}

async function sceneOf(tier: (typeof tiers)[number]): Promise<Scene> {
  const place = async ({ tenantId, group }: TestTenant): Promise<Placed> => {
    const more = { ...tierSize(tier), tenantId, network: inGroup(group) };
    const task = taskSpec([containerSpec(host.image, ['sleep', '10000'])], more);
    const address = await startTask(host.runtime, task);
    const { instance } = host.runtime;
    const record = JSON.parse(await host.runtime.sh(`cat /run/${instance}/tasks/${task.taskId}/sandbox.json`)) as { slot: number };
    return { address, mac: macOf(address), namespace: { instance, file: `/run/${instance}/slots/${record.slot}/net` } };
  };
  const [attacker, victim, friend] = [await place(mallory), await place(alice), await place(alice)];
  const gateway = victim.address.replace(/\d+$/, '1');
  return { attacker, victim, friend, bridge: { address: gateway, mac: macOf(gateway) } };
}

/** Which of the attacks were heard at the victim's end of its cable. */
async function attack(scene: Scene): Promise<ReadonlySet<number>> {
  const heard = await heardAt(scene.victim, () =>
    sendFrames(
      scene.attacker.namespace,
      attacks.map(([, frame], index) => frame(scene, markOf(index))),
    ),
  );
  return new Set(attacks.flatMap((_, index) => (heard.some((frame) => frame.includes(markOf(index))) ? index : [])));
}

/** What comes to the victim until the host itself has sent it something, which always arrives. */
async function heardAt(victim: Placed, send: () => Promise<void>): Promise<Buffer[]> {
  const ear = await listen(victim.namespace);
  const end = createSocket('udp4');
  try {
    await send();
    end.send('berth-end-of-attack', 9, victim.address);
    return await ear.until('berth-end-of-attack');
  } finally {
    end.close();
    ear.close();
  }
}

/** 20,000 frames as fast as they go. */
async function floodOf(scene: Scene) {
  const frames = attacks.slice(0, 10).map(([, frame]) => frame(scene, 'berth-flood'));
  const many = Array.from({ length: 2_000 }, () => frames).flat();
  const heard = await heardAt(scene.victim, () => sendFrames(scene.attacker.namespace, many));
  const { address } = scene.friend;
  const after = await host.runtime.sh(`busybox ping -c 1 -W 10 ${address} >/dev/null && echo alive || echo silent`);
  return { heard: heard.filter((frame) => frame.includes('berth-flood')).length, after };
}

async function takeDefenceDown(): Promise<void> {
  const { instance, sh } = host.runtime;
  await sh(`nft delete table inet ${instance}; nft delete table bridge ${instance}`);
  await sh(`for port in $(ls /sys/class/net/${instance}0/brif); do ip link set $port type bridge_slave isolated off; done`);
}

for (const tier of tiers) {
  for (const [index, [what]] of attacks.entries()) {
    it(`probe ${tier}: another tenant’s task is not reached by ${what}`, (context) => {
      skipWithout(tier, context);
      const { defended, open } = arrived.get(tier) ?? {};
      expect({ defended: defended?.has(index), open: open?.has(index) }).toEqual({ defended: false, open: true });
    });
  }
}

it('probe container: a flood of 20,000 frames reaches nobody, and the network goes on', () => {
  expect(flood).toEqual({ heard: 0, after: 'alive\n' });
});
