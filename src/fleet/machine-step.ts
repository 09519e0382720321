// Decides what becomes of one machine by what EC2 and its host say of it. Which machines are needed is decided elsewhere
// (scale-up.ts, scale-down.ts).
import type { FleetAction, FleetHost, InstanceView, MachineView } from './types.js';

/** A new instance may be missing from EC2's lists for so long. */
export const listedWithinMs = 120_000;
/** How long EC2 is given to begin with the end of an instance before it is told again. */
const endAgainAfterMs = 60_000;

export interface MachineFacts {
  readonly instance: InstanceView | undefined;
  readonly host: FleetHost | undefined;
  /** Whether any task is still on its host. */
  readonly busy: boolean;
  readonly joinTimeoutMs: number;
}

/** @returns what to do now; null when it is as it should be. */
export function machineStep(machine: MachineView, facts: MachineFacts, nowMs: number): FleetAction | null {
  const { id: machineId } = machine;
  if (isOver(machine, facts.instance, nowMs)) return { kind: 'ended', machineId, reason: isLeft(machine) ? null : 'EC2 no longer has it' };
  switch (machine.state) {
    case 'requested':
      return requested(machine, facts, nowMs);
    case 'launched':
      return launched(machine, facts, nowMs);
    case 'joined':
      return joined(machine, facts);
    case 'draining':
      return draining(machine, facts);
    case 'ending':
      return ending(machine, facts, nowMs);
    default:
      return machine.state satisfies never;
  }
}

/** It has a reason to be gone already. */
function isLeft({ state }: MachineView): boolean {
  return state === 'draining' || state === 'ending';
}

/** Whether the instance was there and is gone. One that was just launched may only not be listed yet. */
function isOver(machine: MachineView, instance: InstanceView | undefined, nowMs: number): boolean {
  if (instance) return instance.state === 'terminated';
  if (machine.instanceId === null) return false;
  return nowMs - (machine.launchedAtMs ?? machine.requestedAtMs) >= listedWithinMs;
}

function requested({ id: machineId, requestedAtMs }: MachineView, { instance, joinTimeoutMs }: MachineFacts, nowMs: number): FleetAction {
  if (instance) return { kind: 'adopt', machineId, instanceId: instance.id };
  if (nowMs - requestedAtMs >= joinTimeoutMs) return { kind: 'ended', machineId, reason: 'EC2 did not start it in time' };
  return { kind: 'launch', machineId };
}

function launched(machine: MachineView, { host, instance, joinTimeoutMs }: MachineFacts, nowMs: number): FleetAction | null {
  const { id: machineId, launchedAtMs, requestedAtMs } = machine;
  if (instance && isLeaving(instance)) return end(machineId, 'EC2 has stopped it');
  if (host?.seen) return { kind: 'join', machineId, hostId: host.spec.id };
  if (nowMs - (launchedAtMs ?? requestedAtMs) < joinTimeoutMs) return null;
  return end(machineId, `its agent did not join within ${Math.round(joinTimeoutMs / 1000)} s`);
}

function joined({ id: machineId }: MachineView, { host, instance }: MachineFacts): FleetAction | null {
  if (!host || host.lost) return end(machineId, 'its agent is lost');
  if (instance && isLeaving(instance)) return end(machineId, 'EC2 has stopped it');
  return isTakenBack(host, instance) ? takenBack(machineId) : null;
}

function draining(machine: MachineView, { host, instance, busy }: MachineFacts): FleetAction | null {
  const { id: machineId, drainFinal } = machine;
  if (!host || host.lost) return end(machineId, 'its agent is lost');
  if (instance && isLeaving(instance)) return end(machineId, 'EC2 has stopped it');
  if (!busy) return end(machineId, null);
  // It drains because it is not needed, and now it goes away whether or not it is.
  if (!drainFinal && isTakenBack(host, instance)) return takenBack(machineId);
  return null;
}

function ending({ id: machineId, instanceId, endingSinceMs }: MachineView, { instance }: MachineFacts, nowMs: number): FleetAction | null {
  if (instanceId === null) return { kind: 'ended', machineId, reason: 'EC2 never had it' };
  const again = instance !== undefined && instance.state !== 'shutting-down' && nowMs - (endingSinceMs ?? nowMs) >= endAgainAfterMs;
  return again ? { kind: 'terminate', machineId, instanceId } : null;
}

/** Somebody ends it, or has switched it off: it will run no task again. */
function isLeaving({ state }: InstanceView): boolean {
  return state === 'shutting-down' || state === 'stopping' || state === 'stopped';
}

/** Its agent hears of it first, at times: EC2's lists lag behind. */
function isTakenBack(host: FleetHost, instance: InstanceView | undefined): boolean {
  return host.interrupted || (instance?.interrupted ?? false);
}

function takenBack(machineId: string): FleetAction {
  return { kind: 'drain', machineId, reason: 'EC2 takes it back in two minutes', final: true, hurry: true };
}

function end(machineId: string, reason: string | null): FleetAction {
  return { kind: 'end', machineId, reason };
}
