// The fleet in the placement engine: every host with its tasks, every machine that is on its way, and then the tasks
// that wait, where they will go. What is asked of it after that is only how many more, or how many fewer, are wanted.
import { Engine } from '../placement/engine/engine.js';
import { UP } from '../placement/engine/hosts.js';
import type { PlaceRequest } from '../placement/engine/types.js';
import { hostOf } from './offers.js';
import type { Demand, FleetHost, FleetView, MachineView, PoolView } from './types.js';

export interface FleetModel {
  readonly engine: Engine;
  /** Of the tasks on hosts, by their name in the engine: how to place them elsewhere; null: they can't be. */
  readonly requests: ReadonlyMap<string, PlaceRequest | null>;
  /** Hosts of one pool and type, which know how large such a machine is. */
  like(poolId: string, instanceType: string): readonly FleetHost[];
  /** The machine's name in the engine: its host's, or its own until it has one. */
  nodeOf(machine: MachineView): string;
  /** It takes tasks and has none. */
  isIdle(node: string): boolean;
  tasksOn(node: string): number;
}

/** @param staying machines that take tasks, or will: not those that leave. */
export function modelOf(view: FleetView, staying: readonly MachineView[]): FleetModel {
  const engine = new Engine();
  const byId = new Map(view.hosts.map((host) => [host.spec.id, host]));
  const like = likeness(view, byId);
  const leaving = new Set(view.machines.filter((machine) => !staying.includes(machine)).map(({ hostId }) => hostId));
  const present = view.hosts.filter((host) => host.seen && !host.lost);
  for (const { spec } of present) engine.apply({ kind: 'hostUp', host: spec });
  const { requests, full } = hold(engine, view);
  for (const { spec, open } of present) {
    if (!open || full.has(spec.id) || leaving.has(spec.id)) engine.apply({ kind: 'drain', host: spec.id });
  }
  const pools = new Map(view.pools.map((pool) => [pool.id, pool]));
  for (const machine of staying) if (!hasHost(machine, byId)) arrive(engine, machine, pools.get(machine.poolId), like);
  return {
    engine,
    requests,
    like,
    nodeOf: (machine) => (hasHost(machine, byId) ? (machine.hostId as string) : machine.id),
    tasksOn: (node) => engine.world.hosts.tasks[engine.world.hosts.handle(node)] ?? 0,
    isIdle: (node) => {
      const { hosts } = engine.world;
      const host = hosts.handle(node);
      return host >= 0 && hosts.state[host] === UP && hosts.tasks[host] === 0;
    },
  };
}

function hasHost({ hostId }: MachineView, hosts: ReadonlyMap<string, FleetHost>): boolean {
  return hostId !== null && (hosts.get(hostId)?.seen ?? false);
}

/** Puts a machine that has no agent yet up as what it will be. */
function arrive(engine: Engine, machine: MachineView, pool: PoolView | undefined, like: FleetModel['like']): void {
  const type = pool?.settings.instanceTypes.find(({ name }) => name === machine.instanceType);
  if (!pool || !type) return;
  engine.apply({ kind: 'hostUp', host: hostOf(machine.id, pool, type, machine.zone, like(pool.id, type.name)) });
}

/** Puts the tasks where they are. `full` are hosts that hold more than they have, which takes no more. */
function hold(engine: Engine, { held }: FleetView): { requests: Map<string, PlaceRequest | null>; full: Set<string> } {
  const requests = new Map<string, PlaceRequest | null>();
  const full = new Set<string>();
  for (const { hostId, count, movable = false, ...demand } of held) {
    if (engine.world.hosts.handle(hostId) < 0) continue;
    for (let i = 0; i < count; i++) {
      const request = toRequest(`held-${requests.size}`, demand);
      if (engine.place({ ...request, pin: { host: hostId } }).placed) requests.set(request.task, movable ? request : null);
      else full.add(hostId);
    }
  }
  return { requests, full };
}

export function toRequest(task: string, { shape, group, pin }: Omit<Demand, 'count'>): PlaceRequest {
  return { task, shape, ...(group === undefined ? {} : { group }), ...(pin === undefined ? {} : { pin }) };
}

function likeness(view: FleetView, hosts: ReadonlyMap<string, FleetHost>): FleetModel['like'] {
  const known = new Map<string, FleetHost[]>();
  for (const { poolId, instanceType, hostId } of view.machines) {
    const host = hostId === null ? undefined : hosts.get(hostId);
    if (!host?.seen) continue;
    const key = `${poolId} ${instanceType}`;
    known.set(key, [...(known.get(key) ?? []), host]);
  }
  return (poolId, instanceType) => known.get(`${poolId} ${instanceType}`) ?? [];
}
