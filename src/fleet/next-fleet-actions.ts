// Decides what the fleet does next: first what became of the machines that are there, then which more are needed, then
// which are not. The same view gives the same actions; carrying them out is the reconciler's work.
import { modelOf } from './fleet-model.js';
import { machineStep } from './machine-step.js';
import { scaleDown } from './scale-down.js';
import { scaleUp } from './scale-up.js';
import { strays } from './strays.js';
import type { FleetAction, FleetView, MachineView } from './types.js';

/** @param strayGraceMs how old an instance that nobody knows must be before it is ended. */
export function nextFleetActions(before: FleetView, strayGraceMs: number): FleetAction[] {
  const steps = machineSteps(before);
  const view = { ...before, machines: after(before.machines, steps) };
  const staying = view.machines.filter(({ state }) => state === 'requested' || state === 'launched' || state === 'joined');
  const model = modelOf(view, staying);
  const { requests, kept } = scaleUp(view, model, staying, keepable(view));
  const grown = new Set([...requests, ...kept].map(({ poolId }) => poolId));
  return [
    ...steps,
    ...requests.map((request) => ({ kind: 'request' as const, ...request })),
    ...kept.map(({ id }) => ({ kind: 'keep' as const, machineId: id })),
    ...scaleDown(view, model, staying, grown),
    ...strays(before, strayGraceMs),
  ];
}

/** The machines as the steps leave them. */
function after(machines: readonly MachineView[], steps: readonly FleetAction[]): MachineView[] {
  const stepOf = new Map(steps.flatMap((step) => ('machineId' in step ? [[step.machineId, step.kind] as const] : [])));
  return machines.flatMap((machine) => {
    const kind = stepOf.get(machine.id);
    if (kind === 'ended') return [];
    if (kind === 'end') return { ...machine, state: 'ending' as const };
    return kind === 'drain' ? { ...machine, state: 'draining' as const, drainFinal: true } : machine;
  });
}

function machineSteps(view: FleetView): FleetAction[] {
  const instances = instancesOf(view);
  const hosts = new Map(view.hosts.map((host) => [host.spec.id, host]));
  const busy = new Set(view.held.map(({ hostId }) => hostId));
  const timeouts = new Map(view.pools.map(({ id, settings }) => [id, settings.joinTimeoutSeconds * 1000]));
  return view.machines.flatMap((machine) => {
    const facts = {
      instance: instances(machine),
      host: machine.hostId === null ? undefined : hosts.get(machine.hostId),
      busy: machine.hostId !== null && busy.has(machine.hostId),
      joinTimeoutMs: timeouts.get(machine.poolId) ?? 0,
    };
    return machineStep(machine, facts, view.nowMs) ?? [];
  });
}

/** By EC2's name for it, or by our tag while we don't know that. */
function instancesOf({ instances }: FleetView) {
  const byId = new Map(instances.map((instance) => [instance.id, instance]));
  const byMachine = new Map(
    instances.flatMap((instance) => (instance.machineId === null ? [] : [[instance.machineId, instance] as const])),
  );
  return ({ id, instanceId }: MachineView) => (instanceId === null ? byMachine.get(id) : byId.get(instanceId));
}

/** Machines that drain because they were not needed, and still could work. */
function keepable({ machines, hosts }: FleetView): MachineView[] {
  const reachable = new Set(hosts.filter((host) => host.reachable).map(({ spec }) => spec.id));
  return machines.filter(
    ({ state, drainFinal, hostId }) => state === 'draining' && !drainFinal && hostId !== null && reachable.has(hostId),
  );
}
