// Gives each task its place in the host's network and takes it back: groups, published ports, rate. What it was given is
// written down beside its sandbox, so that the next life of the agent gives it the same.
import { rmSync } from 'node:fs';
import type { AssignedPort, NetworkState, TaskSpec } from '@berth/contract';
import type { Network } from './network.js';
import type { Member } from './nft-model.js';
import type { Paths } from './paths.js';
import { choosePorts, dynamicPorts, PortTaken } from './ports.js';
import { isFreeOnHost } from './ports-free.js';
import { readIfThere } from './records.js';
import { TaskStartError } from './runtime.js';
import { writeWhole } from './write-whole.js';

export interface TaskNetworks {
  /** Makes bridge and firewall, with the places of the tasks that have these slots. */
  setUp(inUse: readonly number[]): Promise<void>;
  /** What the control plane says, whole. Kept for the next life. */
  setState(state: NetworkState): Promise<void>;
  /** What was said last, in this life or the one before; null if nothing was. */
  lastState(): NetworkState | null;
  /**
   * Gives a task its place; the same again if it has one. It holds when `settled` says so.
   * @throws TaskStartError when a port that it asks for is in use
   */
  join(spec: TaskSpec, slot: number, address: string): Promise<readonly AssignedPort[]>;
  /**
   * Resolves when the task's place is in the kernel; nothing of the tenant's may run before. Waits a little for rules that
   * are on their way. A container can be made meanwhile.
   */
  settled(slot: number): Promise<void>;
  leave(slot: number): void;
}

/** The control plane sends the rules of a tenant's groups right after the first task that needs them. */
const rulesWithinMs = 3_000;

export function taskNetworks(paths: Paths, net: Network, log: { warn(fields: object, message: string): void }): TaskNetworks {
  const waiting = new Set<() => void>();
  const settling = new Map<number, Promise<void>>();
  let nextPort = startOf(paths.instance);
  /** Ports are chosen by one task at a time: what one has found free the next must not find. */
  let choosing: Promise<unknown> = Promise.resolve();

  const lastState = (): NetworkState | null => {
    const text = readIfThere(paths.networkState);
    return text === null ? null : (JSON.parse(text) as NetworkState);
  };

  const recorded = (slot: number): Member | null => {
    const text = readIfThere(paths.slot(slot).member);
    return text === null ? null : (JSON.parse(text) as Member);
  };

  const rulesOf = async (groups: readonly string[]): Promise<void> => {
    const untilMs = performance.now() + rulesWithinMs;
    while (!net.members.knows(groups)) {
      const leftMs = untilMs - performance.now();
      if (leftMs <= 0) return log.warn({ groups }, 'the rules of security groups have not come: nothing passes until they do');
      await news(leftMs);
    }
  };

  const news = (withinMs: number) =>
    new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, withinMs);
      waiting.add(done);
    });

  const settle = async (spec: TaskSpec, slot: number, address: string): Promise<Member> => {
    const { network, taskId, tenantId } = spec;
    const wanted = network?.publishedPorts ?? [];
    const ports = await choosePorts(wanted, net.members.hostPorts, dynamicPorts, nextPort, isFreeOnHost);
    nextPort += ports.length;
    const groups = network && network.securityGroups.length > 0 ? network.securityGroups : null;
    const member = {
      slot,
      taskId,
      address,
      tenantId,
      groups,
      publishedOpen: network?.publishedOpen ?? false,
      ports,
      mbps: network?.mbps ?? null,
    };
    writeWhole(paths.slot(slot).member, JSON.stringify(member));
    return member;
  };

  /** Up to the model's knowing of it, which is at once: the next task sees its ports taken. */
  const take = async (spec: TaskSpec, slot: number, address: string) => {
    const member = recorded(slot) ?? (await settle(spec, slot, address));
    return { member, joined: net.join(member) };
  };

  return {
    setUp: async (inUse) => {
      writeWhole(paths.subnetInUse, net.subnet);
      await net.setUp(
        inUse,
        inUse.flatMap((slot) => recorded(slot) ?? []),
        lastState(),
      );
    },
    lastState,
    setState: async (state) => {
      writeWhole(paths.networkState, JSON.stringify(state));
      await net.setState(state);
      for (const done of [...waiting]) done();
    },
    join: async (spec, slot, address) => {
      const taken = choosing.then(() => take(spec, slot, address));
      choosing = taken.catch(() => {});
      try {
        const { member, joined } = await taken;
        const settled = Promise.all([joined, rulesOf(member.groups ?? [])]).then(() => {});
        // Who starts a container hears of it.
        settled.catch(() => {});
        settling.set(slot, settled);
        return member.ports;
      } catch (error) {
        if (!(error instanceof PortTaken)) throw error;
        throw new TaskStartError('HostRefused', `The task’s ports could not be published: ${error.message}.`, { cause: error });
      }
    },
    // The very promise that is watched above: another one could fail before anybody waits for it, and end the agent.
    settled: (slot) => settling.get(slot) ?? Promise.resolve(),
    leave: (slot) => {
      settling.delete(slot);
      rmSync(paths.slot(slot).member, { force: true });
      net.leave(slot);
    },
  };
}

/** Agents that share a machine begin at different places of the range. */
function startOf(instance: string): number {
  return [...instance].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 10_000, 0);
}

/** The subnet that the tasks of this life have: while there are any, that of the life before. */
export function subnetFor(paths: Paths, hasTasks: boolean, configured: string): string {
  const wanted = readIfThere(paths.subnetWanted)?.trim();
  const inUse = readIfThere(paths.subnetInUse)?.trim();
  return (hasTasks ? inUse : undefined) ?? wanted ?? configured;
}
