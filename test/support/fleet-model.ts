// Small fleets for tests of the model that the scheduler keeps, with everything that a test doesn't speak of filled in.
import type { HostId, TaskId } from '@berth/contract';
import type { CapacityGroupRow, FleetChanges, HostRow, Needs, TaskRow, VolumeRow } from '../../src/placement/fleet.js';
import { FleetModel } from '../../src/placement/fleet-model.js';
import { HostImages } from '../../src/placement/host-images.js';
import { reasonOf } from '../../src/placement/pending-reasons.js';

export function hostRow(id: string, more: Partial<HostRow> = {}): HostRow {
  return {
    id: id as HostId,
    name: `host-${id}`,
    state: 'active',
    roomVersion: 0,
    attributes: { volumes: 'local' },
    cpuMillis: 4000,
    memoryMiB: 4096,
    taskSlots: 100,
    diskMiB: 50_000,
    diskPressure: null,
    ...more,
  };
}

/** Pending, of 100 milli-CPUs and 64 MiB. */
export function taskRow(id: string, needs: Needs = {}, more: Partial<TaskRow> = {}): TaskRow {
  return {
    id: id as TaskId,
    tenantId: 'tenant',
    state: 'pending',
    stopping: false,
    hostId: null,
    cpuMillis: 100,
    memoryMiB: 64,
    needs: JSON.stringify(needs),
    tags: null,
    group: null,
    gang: null,
    replacedBy: null,
    budgetGroup: null,
    ageS: 0,
    ...more,
  };
}

export const running = (id: string, host: string, needs: Needs = {}, more: Partial<TaskRow> = {}): TaskRow =>
  taskRow(id, needs, { state: 'running', hostId: host as HostId, ...more });

export const changes = (more: Partial<FleetChanges>): FleetChanges => ({
  complete: false,
  hosts: [],
  tasks: [],
  volumes: [],
  capacityGroups: [],
  weights: [],
  ...more,
});

export function modelOf(
  hosts: readonly HostRow[],
  tasks: readonly TaskRow[] = [],
  {
    volumes = [],
    capacityGroups = [],
    images = new HostImages(),
  }: { volumes?: readonly VolumeRow[]; capacityGroups?: readonly CapacityGroupRow[]; images?: HostImages } = {},
): FleetModel {
  const model = new FleetModel(capacityGroups, images);
  model.apply(changes({ hosts, tasks, volumes, capacityGroups }), 0);
  return model;
}

/** Plans and commits all of it. @returns `task@host` for each. */
export function placeAll(model: FleetModel): string[] {
  const { placed } = model.plan(1000);
  model.settle(placed, new Set(placed.map(({ taskId }) => taskId)), 0);
  return placed.map(({ taskId, hostId }) => `${taskId}@${hostId}`);
}

/** Why the task waits. */
export function whyPending(model: FleetModel, id: string): string | undefined {
  const row = model.pending.get(id as TaskId);
  return row && reasonOf(model, row).summary;
}
