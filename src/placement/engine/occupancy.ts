// Puts a task on a host and takes it off again: all counters, lists and indexes in one place, each with its inverse.
import { add, at, type Column, dimensions, GPU } from './columns.js';
import type { Group } from './groups.js';
import { DRAINING, lifetimes, TAKEN } from './hosts.js';
import type { Shape } from './shape.js';
import type { TaskRow } from './tasks.js';
import type { World } from './world.js';

/** @returns the task's handle. */
export function occupy(world: World, id: string, shape: Shape, group: Group | undefined, host: number): number {
  const task = world.tasks.add(id, shape, group);
  const gpu = at(shape.need, GPU);
  if (gpu > 0) world.tasks.devices[task] = world.devices.take(host, gpu);
  world.tasks.link(world.hosts, task, host);
  count(world, task, host, 1);
  if (world.undo.recording) undoOccupy(world, task, host);
  reindex(world, host);
  return task;
}

export function vacate(world: World, task: number): void {
  const host = at(world.tasks.host, task);
  detach(world, task, host);
  if (world.undo.recording) undoVacate(world, task, host);
  world.tasks.remove(task);
  gaveBack(world, host);
  reindex(world, host);
}

// Closures are made in functions of their own: where a function could make one, V8 allocates for it at every call.
function undoOccupy(world: World, task: number, host: number): void {
  world.undo.push(() => {
    detach(world, task, host);
    world.tasks.forget(task);
    gaveBack(world, host);
  });
}

function undoVacate(world: World, task: number, host: number): void {
  const row = world.tasks.rowOf(task);
  world.undo.push(() => reattach(world, task, row, host));
}

/** A task turns out to live longer, or shorter, than was expected. */
export function expect(world: World, task: number, lifetime: number): void {
  const host = at(world.tasks.host, task);
  const before = at(world.tasks.lifetime, task);
  if (before === lifetime) return;
  const change = (from: number, to: number) => {
    add(world.hosts.living, host * lifetimes + from, -1);
    add(world.hosts.living, host * lifetimes + to, 1);
    world.tasks.lifetime[task] = to;
  };
  change(before, lifetime);
  if (world.undo.recording) world.undo.push(() => change(lifetime, before));
  reindex(world, host);
}

export function reindex(world: World, host: number): void {
  world.open.update(host);
  world.reclaimable.update(host);
}

/** Tells whoever remembers a failure in the host's pool that it may be out of date. */
export function gaveBack(world: World, host: number): void {
  const pool = at(world.hosts.pool, host);
  const entry = world.pools.list[pool];
  if (entry) world.pools.touch(entry);
  world.freed.add(pool);
}

function detach(world: World, task: number, host: number): void {
  const gpu = at((world.tasks.shapes[task] as Shape).need, GPU);
  if (gpu > 0) world.devices.give(host, gpu, at(world.tasks.devices, task));
  count(world, task, host, -1);
  world.tasks.unlink(world.hosts, task);
}

function reattach(world: World, task: number, row: TaskRow, host: number): void {
  const gpu = at(row.shape.need, GPU);
  if (gpu > 0) world.devices.give(host, -gpu, row.devices);
  world.tasks.restore(task, row);
  world.tasks.link(world.hosts, task, host);
  count(world, task, host, 1);
}

function count(world: World, task: number, host: number, sign: 1 | -1): void {
  const { hosts, tasks } = world;
  const shape = tasks.shapes[task] as Shape;
  const zone = at(hosts.zone, host);
  for (let d = 0; d < dimensions.length; d++) {
    const amount = at(shape.need, d);
    if (amount === 0) continue;
    add(hosts.free[d] as Column, host, -sign * amount);
    if (!shape.evictable) add(hosts.reach[d] as Column, host, -sign * amount);
  }
  if (shape.evictable) add(hosts.evictable, host, sign);
  else if (!(at(hosts.state, host) & DRAINING)) world.capacity.count(shape.need, sign === 1 ? -1 : 1);
  world.capacity.draw(shape, sign);
  add(hosts.tasks, host, sign);
  add(hosts.living, host * lifetimes + at(tasks.lifetime, task), sign);
  countOthers(world, shape, tasks.groups[task], host, zone, sign);
}

function countOthers(world: World, shape: Shape, group: Group | undefined, host: number, zone: number, sign: 1 | -1): void {
  if (group) {
    group.count(host, zone, shape.countsByHost, sign);
    if (group.total === 0 || (sign === 1 && group.total === 1)) world.groups.keep(group);
  }
  if (shape.hasRules) world.labels.count(shape, host, zone, sign);
  if (shape.hostPorts.length > 0) world.ports.count(shape.hostPorts, host, sign);
  if (shape.spec.exclusiveHost) countTaken(world, host, sign);
}

/** Adopted tasks may both want the host for themselves: it is taken until the last of them has gone. */
function countTaken(world: World, host: number, sign: 1 | -1): void {
  const { hosts } = world;
  add(hosts.takers, host, sign);
  const state = at(hosts.state, host);
  hosts.state[host] = at(hosts.takers, host) > 0 ? state | TAKEN : state & ~TAKEN;
}
