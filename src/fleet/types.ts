// What the fleet's decisions are made from and what comes out of them: plain data, all of it read before and nothing
// asked in between. Times are the database's, in milliseconds.
import type { MachineState, Market, PoolSettings } from '@berth/contract';
import type { HostSpec, ShapeSpec } from '../placement/engine/types.js';

export interface PoolView {
  readonly id: string;
  readonly name: string;
  readonly settings: PoolSettings;
}

/** A machine that has not ended. */
export interface MachineView {
  readonly id: string;
  readonly poolId: string;
  readonly state: Exclude<MachineState, 'ended'>;
  readonly instanceType: string;
  readonly zone: string;
  readonly market: Market;
  readonly instanceId: string | null;
  /** The host that its token made of it. */
  readonly hostId: string | null;
  readonly requestedAtMs: number;
  readonly launchedAtMs: number | null;
  readonly unneededSinceMs: number | null;
  /** It is draining because it goes away, whatever we want. */
  readonly drainFinal: boolean;
  readonly endingSinceMs: number | null;
}

export const instanceStates = ['pending', 'running', 'stopping', 'stopped', 'shutting-down', 'terminated'] as const;
export type InstanceState = (typeof instanceStates)[number];

/** What EC2 says. It may be late: a new instance can be missing for some time. */
export interface InstanceView {
  readonly id: string;
  /** Of its tag; null if it has none. */
  readonly machineId: string | null;
  readonly state: InstanceState;
  readonly launchedAtMs: number;
  /** EC2 has said that it takes it back. */
  readonly interrupted: boolean;
}

/** A host of any kind, ours or not. */
export interface FleetHost {
  /** `spec.type` and `spec.zone` are EC2's for pools' hosts, anything for others. */
  readonly spec: HostSpec;
  /** Its agent has connected at least once. */
  readonly seen: boolean;
  /** Its agent is connected. */
  readonly reachable: boolean;
  /** Takes new tasks. */
  readonly open: boolean;
  /** Given up: its agent was silent for too long. */
  readonly lost: boolean;
  /** Its agent says that the machine is taken back. */
  readonly interrupted: boolean;
  /** Somebody else than the fleet has drained it, so that it can leave. */
  readonly drained: boolean;
  /** Volumes live on it: they would be lost with it. */
  readonly hasVolumes: boolean;
}

/** Tasks of one make: on a host, or waiting. */
export interface Demand {
  readonly shape: ShapeSpec;
  readonly count: number;
  readonly group?: string;
  readonly pin?: { readonly host?: string; readonly zone?: string };
  /** May be started elsewhere in its place; left out: it may not. */
  readonly movable?: boolean;
}

export interface HeldDemand extends Demand {
  readonly hostId: string;
}

/** What EC2 had none of, until then. */
export interface Shortage {
  readonly instanceType: string;
  readonly zone: string;
  readonly market: Market;
  readonly untilMs: number;
}

export interface FleetView {
  readonly nowMs: number;
  readonly pools: readonly PoolView[];
  readonly machines: readonly MachineView[];
  readonly instances: readonly InstanceView[];
  readonly hosts: readonly FleetHost[];
  readonly held: readonly HeldDemand[];
  /** Oldest first. */
  readonly pending: readonly Demand[];
  readonly shortages: readonly Shortage[];
}

export interface MachineRequest {
  readonly poolId: string;
  readonly instanceType: string;
  readonly zone: string;
  readonly market: Market;
  readonly reason: string;
}

export type FleetAction =
  /** Write a new machine down, then ask EC2 for it. */
  | ({ readonly kind: 'request' } & MachineRequest)
  /** Ask EC2 again for what is written down: an answer was lost, or has yet to come. */
  | { readonly kind: 'launch'; readonly machineId: string }
  /** EC2 has it, as its tag says. */
  | { readonly kind: 'adopt'; readonly machineId: string; readonly instanceId: string }
  | { readonly kind: 'join'; readonly machineId: string; readonly hostId: string }
  /** `final`: nobody calls it off. `hurry`: the machine is gone in two minutes. */
  | { readonly kind: 'drain'; readonly machineId: string; readonly reason: string; readonly final: boolean; readonly hurry: boolean }
  /** Let it take tasks again. */
  | { readonly kind: 'keep'; readonly machineId: string }
  | { readonly kind: 'unneeded'; readonly machineId: string; readonly unneeded: boolean }
  /** Write down that it ends, then tell EC2. Reason null: that for which it was drained. */
  | { readonly kind: 'end'; readonly machineId: string; readonly reason: string | null }
  /** Tell EC2 (again) that it ends. */
  | { readonly kind: 'terminate'; readonly machineId: string; readonly instanceId: string }
  /** It is no more. Reason null: the one it has. */
  | { readonly kind: 'ended'; readonly machineId: string; readonly reason: string | null }
  /** An instance that nobody here knows of. */
  | { readonly kind: 'terminateStray'; readonly instanceId: string };
